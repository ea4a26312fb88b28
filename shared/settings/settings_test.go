package settings_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/env"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

var errAway = errors.New("bucket is out of reach")

// bucket is a versioned bucket in memory.
type bucket struct {
	mu       sync.Mutex
	versions []string // texts, the oldest first; "" for a deletion
	get      error    // of every Get
	older    error    // of Versions and GetVersion
	latency  time.Duration
	gets     int
	reads    int // of older versions
}

func (b *bucket) put(texts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.versions = append(b.versions, texts...)
}

func (b *bucket) object(i int) (settings.Object, error) {
	text := b.versions[i]
	o := settings.Object{Text: []byte(text), ETag: "etag of " + text, Version: fmt.Sprint("v", i)}
	if strings.HasPrefix(text, "huge") {
		return settings.Object{ETag: o.ETag, Version: o.Version}, settings.ErrTooLarge
	}
	return o, nil
}

func (b *bucket) Get(ctx context.Context, etag string) (settings.Object, error) {
	if b.latency > 0 {
		select {
		case <-ctx.Done():
			return settings.Object{}, ctx.Err()
		case <-time.After(b.latency):
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gets++
	newest := len(b.versions) - 1
	switch {
	case b.get != nil:
		return settings.Object{}, b.get
	case newest < 0 || b.versions[newest] == "":
		return settings.Object{}, settings.ErrNoObject
	}
	o, err := b.object(newest)
	if o.ETag == etag {
		return settings.Object{}, settings.ErrNotModified
	}
	return o, err
}

func (b *bucket) Versions(context.Context) (ids []string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, text := range b.versions {
		if text != "" {
			ids = append(ids, fmt.Sprint("v", i))
		}
	}
	slices.Reverse(ids)
	return ids, b.older
}

func (b *bucket) GetVersion(_ context.Context, id string) (settings.Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	if b.older != nil {
		return settings.Object{}, b.older
	}
	var i int
	_, _ = fmt.Sscanf(id, "v%d", &i)
	return b.object(i)
}

// parse accepts texts that begin with "good".
func parse(text []byte) (string, error) {
	if strings.HasPrefix(string(text), "panic") {
		panic(string(text))
	}
	if !strings.HasPrefix(string(text), "good") {
		return "", errors.New("faulty: " + string(text))
	}
	return string(text), nil
}

type process struct {
	*settings.Store[string]
	rejected []settings.Rejected
	away     []string // what was in force whenever the bucket was out of reach
}

func start(b settings.Bucket) *process {
	p := &process{}
	p.Store = settings.New(b, "built in", parse, time.Minute, p)
	return p
}

// Rejected implements settings.Reporter.
func (p *process) Rejected(_ context.Context, r settings.Rejected) {
	p.rejected = append(p.rejected, r)
}

// OutOfReach implements settings.Reporter.
func (p *process) OutOfReach(_ context.Context, _ error, inForce string) {
	p.away = append(p.away, inForce)
}

// value is what is in force, "nobody knows" if the process cannot tell.
func (p *process) value() string {
	current, ready := p.Current()
	if !ready {
		return "nobody knows"
	}
	return current.Value
}

func TestTheNewestGoodVersionIsInForceInAColdProcessAsInAWarmOne(t *testing.T) {
	for name, test := range map[string]struct {
		versions []string
		want     string
		rejected int
	}{
		"no object yet":               {nil, "built in", 0},
		"one good version":            {[]string{"good 1"}, "good 1", 0},
		"faulty after good":           {[]string{"good 1", "bad"}, "good 1", 1},
		"several faulty after good":   {[]string{"good 1", "good 2", "bad", "worse", "huge"}, "good 2", 1},
		"nothing but faulty versions": {[]string{"bad", "worse"}, "built in", 1},
		"deleted":                     {[]string{"good 1", ""}, "built in", 0},
		"faulty after a deletion":     {[]string{"good 1", "", "bad"}, "good 1", 1},
		"more faulty versions than are tried": {
			append([]string{"good 1"}, slices.Repeat([]string{"bad"}, 60)...), "built in", 1,
		},
		"an older version that is too large":   {[]string{"good 1", "huge", "bad"}, "good 1", 1},
		"an object that was the same for long": {slices.Repeat([]string{"good 1"}, 5), "good 1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bucket{}
				warm := start(b)
				if err := warm.Refresh(t.Context()); err != nil || warm.value() != "built in" {
					t.Fatalf("%s, %v", warm.value(), err)
				}
				b.put(test.versions...)
				time.Sleep(time.Minute)
				cold := start(b)
				for which, p := range map[string]*process{"warm": warm, "cold": cold} {
					if err := p.RefreshIfDue(t.Context()); err != nil {
						t.Errorf("%s: %v", which, err)
					}
					if got := p.value(); got != test.want {
						t.Errorf("%s: %q in force, want %q", which, got, test.want)
					}
					if len(p.rejected) != test.rejected {
						t.Errorf("%s: rejected %v", which, p.rejected)
					}
				}
			})
		})
	}
}

func TestAFaultyVersionIsReportedAtEveryRefreshAndReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{}
		b.put("good 1", "bad")
		p := start(b)
		for range 3 {
			if err := p.RefreshIfDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if len(p.rejected) != 3 || p.rejected[0].Known || !p.rejected[1].Known || !p.rejected[2].Known {
			t.Errorf("rejected %+v", p.rejected)
		}
		first := p.rejected[0]
		if first.Version != "v1" || first.Err == nil || first.InForce == settings.BuiltIn || b.reads != 1 {
			t.Errorf("rejected %+v after %d reads of older versions", first, b.reads)
		}
	})
}

func TestAfterAFailureAWarmProcessGoesOnAndAColdOneDoesNotGuess(t *testing.T) {
	for name, test := range map[string]struct {
		fail     func(b *bucket)
		rejected int
	}{
		"the bucket is out of reach": {func(b *bucket) { b.get = errAway }, 0},
		"older versions are, and the newest is faulty": {func(b *bucket) {
			b.put("bad")
			b.older = errAway
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bucket{}
				b.put("good 1")
				warm := start(b)
				if err := warm.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				current, _ := warm.Current()
				test.fail(b)
				time.Sleep(time.Minute)
				cold := start(b)
				for p, want := range map[*process]struct{ value, name string }{
					warm: {"good 1", current.Name}, cold: {"nobody knows", ""},
				} {
					if err := p.RefreshIfDue(t.Context()); !errors.Is(err, errAway) || p.value() != want.value {
						t.Errorf("%q, %v, want %q", p.value(), err, want.value)
					}
					if !slices.Equal(p.away, []string{want.name}) || len(p.rejected) != test.rejected {
						t.Errorf("reported %q and %v", p.away, p.rejected)
					}
				}
				b.get, b.older = nil, nil
				time.Sleep(time.Minute)
				if err := cold.RefreshIfDue(t.Context()); err != nil || cold.value() != "good 1" {
					t.Errorf("cold, later: %q, %v", cold.value(), err)
				}
			})
		})
	}
}

func TestARefreshBesideTheWorkIsWaitedForNoLongerThanAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{latency: time.Second}
		b.put("good 1")
		p := start(b)
		wait := p.Begin(t.Context())
		if p.value() != "nobody knows" {
			t.Error("the refresh was waited for")
		}
		begun := time.Now()
		wait()
		if took := time.Since(begun); took != time.Second || p.value() != "good 1" {
			t.Errorf("%q after %s", p.value(), took)
		}
		p.Begin(t.Context())() // not due: returns at once
		if took := time.Since(begun); took != time.Second {
			t.Errorf("asked again after %s", took)
		}
		b.latency = time.Hour
		b.put("good 2")
		time.Sleep(time.Minute)
		begun = time.Now()
		p.Begin(t.Context())()
		if took := time.Since(begun); took != 2*time.Second || p.value() != "good 1" {
			t.Errorf("%q after %s", p.value(), took)
		}
		synctest.Wait()
		if len(p.away) != 1 {
			t.Errorf("out of reach %q", p.away)
		}
		time.Sleep(time.Minute)
		begun = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.Begin(ctx)()
		if took := time.Since(begun); took != 500*time.Millisecond {
			t.Errorf("waited %s of a second", took)
		}
	})
}

func TestTheBucketIsAskedOnceInAnIntervalHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{latency: 10 * time.Millisecond, get: errAway}
		p := start(b)
		for range 2 {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if err := p.RefreshIfDue(t.Context()); !errors.Is(err, errAway) {
						t.Errorf("error %v", err)
					}
				})
			}
			all.Wait()
			if err := p.RefreshIfDue(t.Context()); !errors.Is(err, errAway) {
				t.Errorf("error %v", err)
			}
			time.Sleep(time.Minute)
		}
		if b.gets != 2 {
			t.Errorf("asked %d times in two minutes", b.gets)
		}
	})
}

func TestAPanicOfTheParserIsAFaultOfTheVersionThatQuotesNothing(t *testing.T) {
	b := &bucket{}
	b.put("good 1", "panic: private text")
	p := start(b)
	if err := p.Refresh(t.Context()); err != nil || p.value() != "good 1" || len(p.rejected) != 1 {
		t.Fatalf("%q, %v, rejected %v", p.value(), err, p.rejected)
	}
	if err := p.rejected[0].Err; err == nil || strings.Contains(err.Error(), "private") {
		t.Errorf("rejected for %v", err)
	}
}

type panicking struct{ settings.Bucket }

func (panicking) Get(context.Context, string) (settings.Object, error) { panic("private text") }

// With nothing in force, every app would be unknown and its webhooks rejected.
func TestAPanicOfTheBucketPutsNothingInForce(t *testing.T) {
	p := start(panicking{})
	err := p.Refresh(t.Context())
	if err == nil || strings.Contains(err.Error(), "private") || p.value() != "nobody knows" || len(p.away) != 1 {
		t.Errorf("%q, %v, out of reach %q", p.value(), err, p.away)
	}
}

func TestWithoutABucketTheBuiltInFileIsInForce(t *testing.T) {
	p := start(nil)
	if err := p.RefreshIfDue(t.Context()); err != nil || p.value() != "built in" {
		t.Errorf("%q, %v", p.value(), err)
	}
}

func TestTheNameOfABucket(t *testing.T) {
	for name, fine := range map[string]bool{
		"": true, "settings": true, "my.settings-2": true, "SettingsBucket": true, // as sam local calls it
		"ab": false, "my_settings": false, "my settings": false, "-settings": false, "s3://settings": false,
		strings.Repeat("b", 63): true, strings.Repeat("b", 64): false,
	} {
		r := env.New(func(variable string) (string, bool) { return name, variable == "SETTINGS_BUCKET" })
		c := settings.ReadApps(r)
		if err := r.Err(); (err == nil) != fine || c.Bucket != name {
			t.Errorf("%q: %v, %q", name, err, c.Bucket)
		}
	}
}

// Whatever is put in whatever order, and whatever fails meanwhile: what is in force was once put and good, or is built
// in, and after an undisturbed refresh it is the newest good version.
func TestWhatIsInForceIsAlwaysTheNewestGoodVersionThatCouldBeSeen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SampledFrom([]string{"good 1", "good 2", "good 3", "bad", "worse", "huge", ""})
		steps := rapid.SliceOfN(texts, 1, 12).Draw(rt, "puts")
		failures := rapid.SliceOfN(rapid.IntRange(0, 3), len(steps), len(steps)).Draw(rt, "failures")
		b := &bucket{}
		p := start(b)
		for i, text := range steps {
			b.put(text)
			b.get, b.older = nil, nil
			switch failures[i] {
			case 1:
				b.get = errAway
			case 2:
				b.older = errAway
			}
			before := p.value()
			err := p.Refresh(t.Context())
			if err != nil {
				if got := p.value(); got != before {
					rt.Fatalf("a refresh that failed changed %q to %q", before, got)
				}
				continue
			}
			if got, want := p.value(), newestGood(b.versions); got != want {
				rt.Fatalf("after %q: %q in force, want %q", b.versions, got, want)
			}
		}
	})
}

func newestGood(versions []string) string {
	if newest := versions[len(versions)-1]; newest == "" {
		return "built in"
	}
	for _, text := range slices.Backward(versions) {
		if strings.HasPrefix(text, "good") {
			return text
		}
	}
	return "built in"
}

// A hundred thousand looks, at settings that change, that are faulty and that are out of reach, leave nothing behind.
func TestMemoryDoesNotGrowFromLookToLook(t *testing.T) {
	const first, last, slack = 1_000, 100_000, 64 << 10
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{}
		p, look := start(b), 0
		memory := func(end int) uint64 {
			for ; look < end; look++ {
				b.versions, b.get = []string{"good 0", fmt.Sprint("good ", look/10)}, nil
				switch look % 100 {
				case 1:
					b.put("faulty")
				case 2:
					b.get = errAway
				}
				_ = p.Refresh(t.Context())
				p.away, p.rejected = nil, nil
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.GC() // what finalizers and pools held is gone only now
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := memory(first)
		if after := memory(last); after > before+slack {
			t.Errorf("%d bytes became %d", before, after)
		}
		if want := fmt.Sprint("good ", (last-1)/10); p.value() != want {
			t.Errorf("%s is in force, want %s", p.value(), want)
		}
	})
}
