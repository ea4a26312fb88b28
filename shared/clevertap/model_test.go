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

// plan is one run against a CleverTap that misbehaves at random.
type plan struct {
	seed        uint64
	concurrency int
	timeout     time.Duration
	deadline    time.Duration // of each call; 0: none
	calls       int
	pause       time.Duration // between calls
	lanes       []int         // records of each; the first two share an account
	trouble     int           // percent of requests that go wrong
	sick        int           // percent of records that are refused now and then
	poisoned    int           // percent of records that refuse their whole upload
	groups      int           // records of a group come back together; 0: no groups
	passcodes   []string      // that CleverTap takes
}

func drawPlan(t *rapid.T) plan {
	seconds := func(label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most*4).Draw(t, label)) * time.Second / 4
	}
	return plan{
		seed:        rapid.Uint64().Draw(t, "seed"),
		concurrency: rapid.IntRange(1, 15).Draw(t, "concurrency"),
		timeout:     time.Second + seconds("timeout", 10),
		deadline:    seconds("deadline", 60),
		calls:       rapid.IntRange(1, 4).Draw(t, "calls"),
		pause:       seconds("pause", 60),
		lanes: rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 40), rapid.IntRange(900, 2500)), 1, 4).
			Draw(t, "lanes"),
		trouble:   rapid.SampledFrom([]int{0, 10, 30, 60, 100}).Draw(t, "trouble"),
		sick:      rapid.SampledFrom([]int{0, 1, 10}).Draw(t, "sick"),
		poisoned:  rapid.SampledFrom([]int{0, 1, 10, 100}).Draw(t, "poisoned"),
		groups:    rapid.IntRange(0, 5).Draw(t, "groups"),
		passcodes: rapid.SampledFrom([][]string{{"passcode-77", "new"}, {"new"}, {"nobody's"}}).Draw(t, "passcodes"),
	}
}

// world runs a plan and notes what must not happen.
type world struct {
	plan
	mu         sync.Mutex
	random     *rand.Rand
	ended      map[int]string
	retried    map[int]bool // groups
	stored     map[int]bool
	violations []string
}

func (w *world) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// chance throws a dice of a hundred sides.
func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// MaySend keeps the rule of a FIFO queue: what follows a record that comes back comes back too.
func (w *world) MaySend(key int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.groups == 0 || !w.retried[key%w.groups]
}

func (w *world) Done(key int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if was, ok := w.ended[key]; ok {
		w.violate("record %d ends as %s, and ended as %s before", key, end(err), was)
	}
	w.ended[key] = end(err)
	f, marked := errors.AsType[*fault.Fault](err)
	switch {
	case err != nil && !marked:
		w.violate("record %d ends with an error that nobody marked", key)
	case err == nil && !w.stored[key]:
		w.violate("record %d is accepted and not stored", key)
	case err != nil && f.Kind == fault.Reject && w.stored[key]:
		w.violate("record %d is rejected and stored", key)
	case err != nil && f.Kind != fault.Reject && w.groups > 0:
		w.retried[key%w.groups] = true
	}
}

// poison and sickness stay with a record for a run.
func (w *world) isPoisoned(key int) bool { return (key*7919)%100 < w.poisoned }
func (w *world) isSick(key int) bool     { return (key*104729)%100 < w.sick }

// answer is CleverTap's, or what stands between.
func (w *world) answer(u *upload) *answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range u.keys {
		if was, ok := w.ended[key]; ok {
			w.violate("record %d is uploaded after its end, %s", key, was)
		}
		if w.stored[key] {
			w.violate("record %d is uploaded after it was stored", key)
		}
	}
	if !slices.Contains(w.passcodes, u.request.Header.Get("X-CleverTap-Passcode")) {
		return status(401)
	}
	if w.chance(w.trouble) {
		switch w.random.IntN(14) {
		case 0:
			return &answer{hang: true}
		case 1:
			return &answer{err: errors.New("reset before")}
		case 2:
			return &answer{err: errors.New("reset after"), keep: w.perhaps(u.keys)}
		case 3:
			return status(500)
		case 4:
			return &answer{status: 502, keep: w.perhaps(u.keys)}
		case 5:
			return status(429)
		case 6:
			return &answer{status: 429, header: map[string]string{"Retry-After": fmt.Sprint(w.random.IntN(20))}}
		case 7:
			return &answer{status: 200, body: "<html>", keep: w.perhaps(u.keys)}
		case 8:
			return &answer{status: 200, body: fmt.Sprintf(`{"status":"success","processed":%d}`, len(u.keys)-1), keep: w.perhaps(u.keys)}
		case 9:
			return &answer{status: 200, body: `{"status":"fail","processed":0,"unprocessed":[]}`, keep: w.perhaps(u.keys)}
		case 10:
			if w.chance(20) {
				return status(404)
			}
		case 11:
			if w.chance(20) {
				return status(403)
			}
		case 12:
			if w.chance(20) {
				return &answer{panics: true}
			}
		case 13:
			return status(413)
		}
	}
	if slices.ContainsFunc(u.keys, w.isPoisoned) {
		return status(400)
	}
	codes := map[int]int{}
	for _, key := range u.keys {
		if w.isSick(key) && w.chance(70) {
			codes[key] = []int{513, 555, 599, 0}[w.random.IntN(4)]
		}
	}
	a := u.refusing(codes)
	w.store(a.keep)
	return a
}

// store keeps records.
func (w *world) store(keys []int) []int {
	for _, key := range keys {
		w.stored[key] = true
	}
	return keys
}

// perhaps keeps records, or loses them: the answer to come does not tell.
func (w *world) perhaps(keys []int) []int {
	if w.chance(50) {
		return nil
	}
	return w.store(keys)
}

// run makes the plan's calls.
func (w *world) run() {
	c := &cleverTap{}
	c.answer = func(u *upload) *answer {
		w.mu.Lock()
		latency := time.Duration(w.random.IntN(2000)) * time.Millisecond
		w.mu.Unlock()
		select {
		case <-time.After(latency):
		case <-u.request.Context().Done():
			return &answer{err: u.request.Context().Err()}
		}
		return w.answer(u)
	}
	u := clevertap.NewUploader(clevertap.Options{
		Transport: c, Timeout: w.timeout, Concurrency: w.concurrency, Jitter: func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.random.Float64()
		},
	})
	next := 0
	for range w.calls {
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if w.deadline > 0 {
			ctx, cancel = context.WithTimeout(ctx, w.deadline)
		}
		w.call(ctx, u, c, &next)
		cancel()
		time.Sleep(w.pause)
	}
	for key, most := range c.highest {
		if most > w.concurrency {
			w.violate("%d uploads in flight for %s", most, key)
		}
	}
	for key, times := range c.stored {
		if times > 1 {
			w.violate("record %d is stored %d times", key, times)
		}
	}
}

// call makes one call and checks what it left.
func (w *world) call(ctx context.Context, u *clevertap.Uploader, c *cleverTap, next *int) {
	w.retried = map[int]bool{}
	var lanes []clevertap.AccountBatch
	first := *next
	for i, n := range w.lanes {
		a := account
		a.ID = fmt.Sprint(i / 2)
		lanes = append(lanes, clevertap.AccountBatch{Account: a, Records: records(*next, n), Refresh: func(context.Context) (clevertap.Account, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.chance(20) {
				return clevertap.Account{}, errors.New("out of reach")
			}
			fresh := withPasscode("new")
			fresh.ID = a.ID
			return fresh, nil
		}})
		*next += n
	}
	begun, before := time.Now(), len(c.uploads)
	report := u.Upload(ctx, lanes, w)
	if took := time.Since(begun); w.deadline > 0 && took > w.deadline {
		w.violate("the call took %s", took)
	}
	accepted, made := 0, 0
	for key := first; key < *next; key++ {
		if w.ended[key] == "" {
			w.violate("record %d has no end", key)
		}
		if w.ended[key] == "accepted" {
			accepted++
		}
	}
	for _, lane := range report.Batches {
		accepted -= lane.Accepted
		made += len(lane.Latencies)
	}
	if accepted != 0 || made != len(c.uploads)-before {
		w.violate("the report misses %d accepted records, and counts %d of %d uploads", accepted, made, len(c.uploads)-before)
	}
	for id, n := range c.inFlight {
		if n != 0 {
			w.violate("%d uploads of %s are in flight after the call", n, id)
		}
	}
}

// Whatever CleverTap does: every record has one end; accepted means stored, and rejected means not; nothing goes out again that
// may have been stored; the cap and the deadline hold.
func TestUploadKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		w := &world{plan: p, random: rand.New(rand.NewPCG(p.seed, 1)), ended: map[int]string{}, stored: map[int]bool{}}
		synctest.Test(t, func(*testing.T) { w.run() })
		if len(w.violations) > 0 {
			rt.Fatalf("%d violations, first: %s", len(w.violations), w.violations[0])
		}
	})
}
