package forward_test

import "time"

// saying is what a webhook says of one purchase of one subscriber.
type saying struct {
	purchase      int
	at            time.Time
	known, active bool
	rank          int
}

// sayings are what a message says of a subscriber in an environment.
func (w *world) sayings(l *letter, subscriber int, sandbox bool) (list []saying) {
	n := w.news(l)
	if n.sandbox != sandbox {
		return nil
	}
	at := noon.Add(time.Duration(n.minute) * time.Minute)
	if at.After(l.received) {
		at = l.received
	}
	if n.subscriber == subscriber {
		list = append(list, saying{n.purchase, at, n.known, n.active, n.rank})
	}
	if n.name == received && n.from == subscriber {
		list = append(list, saying{n.purchase, at, true, false, 0})
	}
	return list
}

// oracle looks at all that has arrived at once: of each purchase the newest counts, at the same instant what ranks highest. known is false
// while nothing has been said.
func (w *world) oracle(subscriber int, sandbox bool) (active, known bool) {
	newest := make(map[int]saying)
	for _, l := range w.arrived {
		for _, s := range w.sayings(l, subscriber, sandbox) {
			known = known || s.known
			best, ok := newest[s.purchase]
			if s.known && s.purchase > 0 && (!ok || s.at.After(best.at) || s.at.Equal(best.at) && s.rank > best.rank) {
				newest[s.purchase] = s
			}
		}
	}
	for _, s := range newest {
		active = active || s.active
	}
	return active, known
}

// look compares what CleverTap knows with the oracle, of every subscriber of whom nothing is under way.
func (w *world) look() {
	for _, account := range []string{"PRODUCTION", "SANDBOX"} {
		for subscriber := range subscribers {
			if w.underWay(subscriber) {
				continue
			}
			active, known := w.oracle(subscriber, account == "SANDBOX")
			want := ""
			if known {
				want = map[bool]string{true: "true", false: "false"}[active]
			}
			if got := w.told(account, subscriber); got != want {
				w.violate("%s says of reader-%d: active %q, and all that arrived says %q", account, subscriber, got, want)
			}
		}
	}
	if duplicates := w.clevertap.Duplicates(); len(duplicates) > 0 && !w.mayRepeat {
		w.violate("CleverTap has taken an event twice: %v", duplicates)
	}
}

func (w *world) underWay(subscriber int) bool {
	for _, l := range w.waiting {
		if w.news(l).concerns(subscriber) {
			return true
		}
	}
	return false
}
