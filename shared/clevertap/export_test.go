package clevertap

import (
	"io"
	"iter"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// What the tests outside the package look at inside it.
var (
	Backoff    = backoff
	RetryAfter = retryAfter
	Need       = need
	CodeFault  = codeFault

	NewTransport = newTransport
)

// Verdicts by name, so that a table can be read.
var verdictNames = map[verdict]string{
	read: "read", passing: "passing", busy: "busy", renew: "renew", foreign: "foreign", halve: "halve",
}

func Judge(status int) string             { return verdictNames[judge(status)] }
func StatusFault(status int) *fault.Fault { return statusFault(status) }

var classNames = map[class]string{
	accepted: "accepted", uncertain: "uncertain", transient: "transient", unlisted: "unlisted", permanent: "permanent",
}

func Classify(code int) string { return classNames[classify(code)] }

// Result is a result by name.
type Result struct {
	Class string
	Code  int
}

// Answer reads an answer for records: their results, or the status that it stands for, or an error.
func Answer(answer io.Reader, records [][]byte) ([]Result, int, error) {
	a, err := readAnswer(answer, len(records))
	if err != nil {
		return nil, 0, err
	}
	results := make([]Result, 0, len(records))
	for _, r := range a.results(len(records), func(i int) []byte { return records[i] }) {
		results = append(results, Result{classNames[r.class], r.code})
	}
	return results, a.status(), nil
}

// Batches splits sizes.
func Batches(sizes []int) iter.Seq[[]int] { return batches(sizes, func(size int) int { return size }) }

// Body is the reader of an upload's request, and the size that is announced for it.
func Body(records []Record) (io.Reader, int64) {
	items := make([]*item, len(records))
	for i, r := range records {
		items[i] = &item{Record: r}
	}
	return &body{content: &content{records: items}}, size(items)
}

// Breaker drives a breaker with segments of its own.
type Breaker struct {
	b        *breaker
	segments map[string]*segment
}

func NewBreaker(pause time.Duration) *Breaker {
	return &Breaker{&breaker{first: pause, pause: pause}, map[string]*segment{}}
}

func (b *Breaker) segment(name string) *segment {
	if b.segments[name] == nil {
		b.segments[name] = &segment{}
	}
	return b.segments[name]
}

func (b *Breaker) Blocks() bool            { return b.b.blocks(time.Now()) }
func (b *Breaker) Admits(name string) bool { return b.b.admits(b.segment(name), time.Now()) }
func (b *Breaker) Leave(name string)       { b.b.leave(b.segment(name)) }
func (b *Breaker) Succeed()                { b.b.succeed() }
func (b *Breaker) Answer()                 { b.b.answer() }
func (b *Breaker) Fail(name string)        { b.b.fail(b.segment(name), time.Now()) }
func (b *Breaker) Trip(name string)        { b.b.trip(b.segment(name), time.Now()) }
func (b *Breaker) IsOpen() bool            { return b.b.isOpen() }
