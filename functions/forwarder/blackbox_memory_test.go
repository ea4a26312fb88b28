//go:build blackbox && linux

package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

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
				if _, err := s.events.Send(m); err != nil {
					t.Fatal(err)
				}
				size += len(m.Body) + strings.Count(m.Body, `"`) + 850
				n++
			}
			for range 3 { // and again in the same process
				s.invoke()
			}
			most := s.function.Memory(t)
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
