package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestWebhook(t *testing.T) {
	delivered := result{
		status: 200, answer: []byte(`{"status":"queued"}`), outcome: "delivered",
		records: []record{{Raw: `{"type":"event","identity":"a","evtName":"X","evtData":{}}`}},
	}
	tests := map[string]struct {
		fixture fixture
		result  result
		lines   []string
		want    []string
	}{
		"delivered": {
			fixture: fixture{name: "renewal", want: want{Account: "production"}}, result: delivered,
			want: []string{"✓ renewal", "200 queued → delivered to the production account", "identity a: X"},
		},
		"refused by the receiver": {
			fixture: fixture{name: "forged"}, result: result{status: 401, answer: []byte(`{"error":"unauthorized"}`), outcome: "none"},
			want: []string{"✓ forged", "401 unauthorized\n"},
		},
		"skipped": {
			fixture: fixture{name: "test"}, result: result{status: 200, answer: []byte(`{"status":"queued"}`), outcome: "skipped", reason: "sandbox"},
			want: []string{"200 queued → skipped: sandbox"},
		},
		"not as it should be": {
			fixture: fixture{name: "lost"}, result: result{status: 200, answer: []byte("?"), outcome: "lost"}, lines: []string{"outcome: want delivered, got lost"},
			want: []string{"✗ lost", "200 ? → lost", "want delivered, got lost"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			(&screen{out: &out}).webhook(test.fixture, test.result, test.lines)
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("want %q in:\n%s", want, out.String())
				}
			}
		})
	}
}
