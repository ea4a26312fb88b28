//go:build blackbox

package main_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestBatchesOfEverySize(t *testing.T) {
	t.Parallel()
	for queue, sizes := range map[string][]int{"events.fifo": {1, 10, 1000}, "events": {0, 1, 10, 1000, 10_000}} {
		for _, n := range sizes {
			t.Run(fmt.Sprint(n, " of ", queue), func(t *testing.T) {
				t.Parallel()
				s := start(t, setup{queue: queue})
				for i := range n {
					s.send(letter{app: []string{"demo", "other", "shut", "gone"}[i%4], body: lamp(fmt.Sprint("u", i))})
				}
				b := s.invoke()
				if len(b.messages) != n || len(b.returned) != 0 {
					t.Errorf("%d messages, %d come back", len(b.messages), len(b.returned))
				}
				if got, want := len(s.clevertap.Records("")), (n+3)/4+(n+2)/4; got != want {
					t.Errorf("%d records stored, want %d", got, want)
				}
			})
		}
	}
}

// What is no SQS event is a mistake of whoever set the function up: the one thing that is an error.
func TestWhatIsNoBatchIsAnError(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for _, payload := range []string{`[]`, `"private"`, `{"Records":"private"}`, `{"Records":[`} {
		_, err := s.function.Invoke(t.Context(), []byte(payload), allowed)
		if err == nil || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: %v", payload, err)
		}
	}
	answer, err := s.function.Invoke(t.Context(), []byte(`{}`), allowed)
	if string(answer) != `{"batchItemFailures":[]}` || err != nil {
		t.Errorf("%s, %v", answer, err)
	}
	s.ended = true
}
