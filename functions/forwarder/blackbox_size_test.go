//go:build blackbox

package main_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// resident is the most memory that a process ever had, in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("this system does not tell")
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int
	if _, err := fmt.Sscan(line, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// A batch at Lambda's limit of 6 MB, of webhooks as large as real ones.
func TestTheLargestBatchFitsTheMemory(t *testing.T) {
	for name, fault := range map[string]func(*stage){
		"all is well":    func(*stage) {},
		"all is refused": func(s *stage) { s.clevertap.AddFault(down(demoAccount)) },
		"every echo comes back": func(s *stage) {
			s.clevertap.SetAccount(clevertaptest.Account{ID: demoAccount, Passcodes: []string{demoPasscode}, Discarded: []string{"SUBSCRIPTION_RENEWED"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{queue: "events"})
			fault(s)
			var extra []string
			for i := range 30 {
				extra = append(extra, fmt.Sprintf("attribute_%02d", i), fmt.Sprintf(`"private-value-%d"`, i))
			}
			size, n := 0, 0
			for size < 6<<20-4096 {
				m := letter{body: bought(fmt.Sprint("u", n), extra...)}.message(false)
				if _, err := s.events.Send(m, 0); err != nil {
					t.Fatal(err)
				}
				size += len(m.Body) + strings.Count(m.Body, `"`) + 850
				n++
			}
			for range 3 { // and again in the same process
				s.invoke()
			}
			most := resident(t, s.function.PID())
			t.Logf("%d webhooks, %.1f MiB resident", n, float64(most)/(1<<20))
			if most >= 96_000_000 {
				t.Errorf("%d bytes resident for %d webhooks", most, n)
			}
			if name == "all is well" && s.stored(demoAccount, "event") != n {
				t.Errorf("%d events of %d stored", s.stored(demoAccount, "event"), n)
			}
		})
	}
}

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
