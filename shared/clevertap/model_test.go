package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// model is a caller and a CleverTap that misbehaves at random. It records what must not happen.
type model struct {
	concurrency int
	timeout     time.Duration
	deadline    time.Duration // of each call; 0: none
	calls       int
	pause       time.Duration // between calls
	batches     []int         // records of each; the first two share an account
	failing     int           // percent of requests that go wrong
	refused     int           // percent of records that are refused now and then
	poisoned    int           // percent of records that have their whole upload refused
	groups      int           // of which the records are retried together; 0: none
	passcodes   []string      // that CleverTap accepts

	mu         sync.Mutex
	random     *rand.Rand
	outcomes   map[int]string
	retried    map[int]bool // groups
	stored     map[int]bool
	violations []string
}

func drawModel(t *rapid.T) *model {
	seconds := func(label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most*4).Draw(t, label)) * time.Second / 4
	}
	percent := func(label string, of ...int) int { return rapid.SampledFrom(of).Draw(t, label) }
	sizes := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 40), rapid.IntRange(900, 2500))
	return &model{
		concurrency: rapid.IntRange(1, 15).Draw(t, "concurrency"),
		timeout:     time.Second + seconds("timeout", 10),
		deadline:    seconds("deadline", 60),
		calls:       rapid.IntRange(1, 4).Draw(t, "calls"),
		pause:       seconds("pause", 60),
		batches:     rapid.SliceOfN(sizes, 1, 4).Draw(t, "batches"),
		failing:     percent("failing", 0, 10, 30, 60, 100),
		refused:     percent("refused", 0, 1, 10),
		poisoned:    percent("poisoned", 0, 1, 10, 100),
		groups:      rapid.IntRange(0, 5).Draw(t, "groups"),
		passcodes:   rapid.SampledFrom([][]string{{"passcode-77", "new"}, {"new"}, {"nobody's"}}).Draw(t, "passcodes"),
		random:      rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)),
		outcomes:    map[int]string{}, stored: map[int]bool{},
	}
}

func (m *model) violate(format string, args ...any) {
	m.violations = append(m.violations, fmt.Sprintf(format, args...))
}

func (m *model) chance(percent int) bool { return m.random.IntN(100) < percent }

// MaySend keeps the rule of a FIFO queue: what follows a record that is retried is retried too.
func (m *model) MaySend(key int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.groups == 0 || !m.retried[key%m.groups]
}

func (m *model) Done(key int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, ok := m.outcomes[key]; ok {
		m.violate("record %d ends as %s, and ended as %s before", key, outcome(err), before)
	}
	m.outcomes[key] = outcome(err)
	f, marked := errors.AsType[*fault.Fault](err)
	switch {
	case err != nil && !marked:
		m.violate("record %d ends with an error that nobody marked", key)
	case err == nil && !m.stored[key]:
		m.violate("record %d is accepted and not stored", key)
	case err != nil && f.Kind == fault.Reject && m.stored[key]:
		m.violate("record %d is rejected and stored", key)
	case err != nil && f.Kind != fault.Reject && m.groups > 0:
		m.retried[key%m.groups] = true
	}
}

// A record is poisoned or refused in every upload.
func (m *model) isPoisoned(key int) bool { return (key*7919)%100 < m.poisoned }
func (m *model) isRefused(key int) bool  { return (key*104729)%100 < m.refused }

// answer is CleverTap's, or that of something in between.
func (m *model) answer(u *upload) *answer {
	m.mu.Lock()
	latency := time.Duration(m.random.IntN(2000)) * time.Millisecond
	m.mu.Unlock()
	select {
	case <-time.After(latency):
	case <-u.request.Context().Done():
		return &answer{err: u.request.Context().Err()}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range u.keys {
		if m.outcomes[key] != "" || m.stored[key] {
			m.violate("record %d is uploaded again: outcome %q, stored %t", key, m.outcomes[key], m.stored[key])
		}
	}
	if !slices.Contains(m.passcodes, u.request.Header.Get("X-CleverTap-Passcode")) {
		return status(401)
	}
	if m.chance(m.failing) {
		if a := m.failure(u.keys); a != nil {
			return a
		}
	}
	if slices.ContainsFunc(u.keys, m.isPoisoned) {
		return status(400)
	}
	codes := map[int]int{}
	for _, key := range u.keys {
		if m.isRefused(key) && m.chance(70) {
			codes[key] = []int{513, 555, 599, 0}[m.random.IntN(4)]
		}
	}
	a := u.refusing(codes)
	m.store(a.keep)
	return a
}

// failure is an answer that accounts for no record, whether they were stored or not; nil now and then.
func (m *model) failure(keys []int) *answer {
	perhaps := func(a answer) *answer {
		if m.chance(50) {
			a.keep = m.store(keys)
		}
		return &a
	}
	failures := []func() *answer{
		func() *answer { return &answer{hangs: true} },
		func() *answer { return &answer{err: errors.New("reset before")} },
		func() *answer { return perhaps(answer{err: errors.New("reset after")}) },
		func() *answer { return status(500) },
		func() *answer { return perhaps(answer{status: 502}) },
		func() *answer { return status(429) },
		func() *answer {
			return &answer{status: 429, header: map[string]string{"Retry-After": fmt.Sprint(m.random.IntN(20))}}
		},
		func() *answer { return perhaps(answer{status: 200, body: "<html>"}) },
		func() *answer {
			return perhaps(answer{status: 200, body: fmt.Sprintf(`{"status":"success","processed":%d}`, len(keys)-1)})
		},
		func() *answer {
			return perhaps(answer{status: 200, body: `{"status":"fail","processed":0,"unprocessed":[]}`})
		},
		func() *answer {
			return []*answer{status(404), status(403), {panics: true}, nil, nil, nil}[m.random.IntN(6)]
		},
		func() *answer { return status(413) },
	}
	return failures[m.random.IntN(len(failures))]()
}

func (m *model) store(keys []int) []int {
	for _, key := range keys {
		m.stored[key] = true
	}
	return keys
}

// run makes the calls.
func (m *model) run() {
	c := &cleverTap{answer: m.answer}
	u := clevertap.NewUploader(clevertap.Options{
		Transport: c, Timeout: m.timeout, Concurrency: m.concurrency, Jitter: func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.random.Float64()
		},
	})
	next := 0
	for range m.calls {
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if m.deadline > 0 {
			ctx, cancel = context.WithTimeout(ctx, m.deadline)
		}
		next = m.call(ctx, u, c, next)
		cancel()
		time.Sleep(m.pause)
	}
	for id, most := range c.highest {
		if most > m.concurrency || c.inFlight[id] != 0 {
			m.violate("%d uploads in flight for %s, %d still", most, id, c.inFlight[id])
		}
	}
	for key, times := range c.stored {
		if times > 1 {
			m.violate("record %d is stored %d times", key, times)
		}
	}
}

// call makes one call with the records from first on, checks what it left, and returns the next record.
func (m *model) call(ctx context.Context, u *clevertap.Uploader, c *cleverTap, first int) (next int) {
	m.retried = map[int]bool{}
	var batches []clevertap.AccountBatch
	next = first
	for i, n := range m.batches {
		a := account
		a.ID = fmt.Sprint(i / 2)
		refresh := func(context.Context) (clevertap.Account, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.chance(20) {
				return clevertap.Account{}, errors.New("out of reach")
			}
			fresh := withPasscode("new")
			fresh.ID = a.ID
			return fresh, nil
		}
		batches = append(batches, clevertap.AccountBatch{Account: a, Records: records(next, n), Refresh: refresh})
		next += n
	}
	begun, before := time.Now(), len(c.uploads)
	report := u.Upload(ctx, batches, m)
	if took := time.Since(begun); m.deadline > 0 && took > m.deadline {
		m.violate("the call took %s", took)
	}
	accepted, uploads := 0, len(c.uploads)-before
	for key := first; key < next; key++ {
		if m.outcomes[key] == "" {
			m.violate("record %d has no outcome", key)
		}
		if m.outcomes[key] == "accepted" {
			accepted++
		}
	}
	for _, b := range report.Batches {
		accepted -= b.Accepted
		uploads -= len(b.Latencies)
	}
	if accepted != 0 || uploads != 0 {
		m.violate("the report misses %d accepted records and %d uploads", accepted, uploads)
	}
	return next
}

// Whatever CleverTap does: every record has one outcome; accepted means stored, and rejected means not; nothing is
// sent again that may have been stored; the concurrency and the deadline hold.
func TestUploadKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := drawModel(rt)
		synctest.Test(t, func(*testing.T) { m.run() })
		if len(m.violations) > 0 {
			rt.Fatalf("%d violations, first: %s", len(m.violations), m.violations[0])
		}
	})
}
