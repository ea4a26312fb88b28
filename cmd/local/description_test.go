package main

import (
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"an event with its name and how much it carries": {
			raw:  `{"type":"event","identity":"learner-1","ts":1,"evtName":"Renewed","evtData":{"event_id":"e","plan":"p"}}`,
			want: "event identity learner-1: Renewed with 2 properties",
		},
		"a profile with its keys in their order": {
			raw:  `{"type":"profile","objectId":"__h1","ts":1,"profileData":{"plan":"p","has_active_subscription":true}}`,
			want: "profile objectId __h1: plan, has_active_subscription",
		},
		"what is no record, as it is": {raw: `?`, want: "?"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := describe(test.raw); got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("word ", 30)
	for line := range strings.Lines(wrap(long, 4)) {
		if len(line) > 105 {
			t.Errorf("a line of %d: %q", len(line), line)
		}
	}
	if got := strings.Fields(wrap(long, 4)); len(got) != 30 {
		t.Errorf("%d words", len(got))
	}
	if got := wrap("short line", 4); got != "short line" {
		t.Errorf("got %q", got)
	}
}
