package clevertap

import (
	"io"
	"strconv"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// What the tests outside the package look at inside it.
var (
	Classify     = classify
	CodeFault    = codeFault
	NewTransport = newTransport
)

// String names a verdict in a table.
func (v verdict) String() string {
	return []string{"answered", "failed", "throttled", "refreshCredentials", "misconfigured", "bisect"}[v]
}

// String names a class in a table.
func (c class) String() string {
	return []string{"accepted", "uncertain", "transient", "unlisted", "permanent"}[c]
}

// ClassifyStatus returns the verdict on a status and the records' outcome.
func ClassifyStatus(status int) (string, *fault.Fault) {
	r := classifyStatus(status)
	return r.verdict.String(), r.fault
}

// Answer reads an answer to an upload of records: what it says about each, and the status that it stands for, or an
// error.
func Answer(body io.Reader, records [][]byte) (results []string, status int, err error) {
	a, err := readAnswer(body)
	if err != nil {
		return nil, 0, err
	}
	list, _ := a.results(pendingRecords(records))
	for _, r := range list {
		text := r.class.String()
		if r.class > uncertain {
			text += " " + strconv.Itoa(r.code)
		}
		results = append(results, text)
	}
	return results, a.status(), nil
}

func pendingRecords(records [][]byte) []*pending {
	list := make([]*pending, len(records))
	for i, r := range records {
		list[i] = &pending{Record: Record{Key: i, JSON: r}}
	}
	return list
}

// Split returns the numbers of records that go into each upload.
func Split(records [][]byte) (counts []int) {
	next := 0
	for _, chunk := range split(pendingRecords(records)) {
		for _, r := range chunk {
			if r.Key != next {
				panic("records out of order")
			}
			next++
		}
		counts = append(counts, len(chunk))
	}
	return counts
}

// Breaker drives a breaker with chunks that have names.
type Breaker struct {
	b      *breaker
	chunks map[string]*chunk
}

// NewBreaker returns a closed one.
func NewBreaker(pause time.Duration) *Breaker {
	return &Breaker{&breaker{firstPause: pause, pause: pause}, map[string]*chunk{}}
}

func (b *Breaker) chunk(name string) *chunk {
	if b.chunks[name] == nil {
		b.chunks[name] = &chunk{}
	}
	return b.chunks[name]
}

func (b *Breaker) Blocks() bool                { return b.BlocksAt(time.Now()) }
func (b *Breaker) BlocksAt(now time.Time) bool { return b.b.blocks(now) }
func (b *Breaker) Until() time.Time            { return b.b.until }
func (b *Breaker) Admits(name string) bool {
	ok, _ := b.b.admits(b.chunk(name), time.Now())
	return ok
}
func (b *Breaker) Release(name string)  { b.b.release(b.chunk(name)) }
func (b *Breaker) Close(accounted bool) { b.b.close(accounted) }
func (b *Breaker) Fail(name string)     { b.b.fail(b.chunk(name), faultBreaker, time.Now()) }
func (b *Breaker) Trip(name string)     { b.b.trip(b.chunk(name), faultRejectsAll, time.Now()) }
func (b *Breaker) IsOpen() bool         { return b.b.state().Open() }
