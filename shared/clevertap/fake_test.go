package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// account is where most tests deliver to.
var account = clevertap.Account{Host: "in1.api.clevertap.com", ID: "AAA-AAA-AAAA", Passcode: secret.New("passcode-77")}

// withPasscode gives the same account with another passcode.
func withPasscode(passcode string) clevertap.Account {
	a := account
	a.Passcode = secret.New(passcode)
	return a
}

// record makes a record whose event_id is its key.
func record(key int) clevertap.Record {
	return clevertap.Record{Key: key, JSON: fmt.Appendf(nil,
		`{"type":"event","identity":"reader-%d","ts":1793620800,"evtName":"RENEWED","evtData":{"event_id":"e-%d"}}`, key%7, key)}
}

// records makes records with the keys from first on.
func records(first, n int) []clevertap.Record {
	made := make([]clevertap.Record, n)
	for i := range made {
		made[i] = record(first + i)
	}
	return made
}

// upload is one request as the fake sees it.
type upload struct {
	number  int // from 1, over all accounts
	host    string
	request *http.Request
	keys    []int
	at      time.Time
}

// cleverTap is a fake transport. Its answer decides; an answer of nothing means that all records are stored.
type cleverTap struct {
	answer  func(u *upload) *answer
	latency time.Duration

	mu       sync.Mutex
	uploads  []*upload
	stored   map[int]int // by key: how often
	inFlight map[string]int
	highest  map[string]int
}

// answer is what the fake says to an upload, and what it stores of it.
type answer struct {
	status int
	header map[string]string
	body   string
	err    error
	hang   bool // never answers
	keep   []int
	panics bool
	stall  bool // the body goes on for ever and says nothing more
	bare   bool // no body at all
}

var eventID = regexp.MustCompile(`"event_id":"e-(\d+)"`)

func (c *cleverTap) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	_ = request.Body.Close()
	if err != nil || int64(len(body)) != request.ContentLength {
		return nil, errors.New("the body does not have the announced length")
	}
	u := &upload{host: request.URL.Host, request: request, at: time.Now()}
	for _, match := range eventID.FindAllSubmatch(body, -1) {
		key, _ := strconv.Atoi(string(match[1]))
		u.keys = append(u.keys, key)
	}
	c.mu.Lock()
	c.uploads = append(c.uploads, u)
	u.number = len(c.uploads)
	if c.stored == nil {
		c.stored, c.inFlight, c.highest = map[int]int{}, map[string]int{}, map[string]int{}
	}
	id := request.URL.Host + "/" + request.Header.Get("X-CleverTap-Account-Id")
	c.inFlight[id]++
	c.highest[id] = max(c.highest[id], c.inFlight[id])
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inFlight[id]--
	}()

	if c.latency > 0 {
		select {
		case <-time.After(c.latency):
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
	}
	var a *answer
	if c.answer != nil {
		a = c.answer(u)
	}
	if a == nil {
		a = &answer{status: 200, body: fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, len(u.keys)), keep: u.keys}
	}
	if a.panics {
		panic("the transport panics about passcode-77")
	}
	if a.hang {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	c.mu.Lock()
	for _, key := range a.keep {
		c.stored[key]++
	}
	c.mu.Unlock()
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{}
	for name, value := range a.header {
		header.Set(name, value)
	}
	response := &http.Response{StatusCode: a.status, Header: header, Request: request}
	var text io.Reader = strings.NewReader(a.body)
	if a.stall {
		text = io.MultiReader(text, stalled{request.Context()})
	}
	if !a.bare {
		response.Body = io.NopCloser(text)
	}
	return response, nil
}

// stalled is a body that says nothing until its request ends.
type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// status answers with a status and stores nothing.
func status(code int) *answer { return &answer{status: code, body: `{"status":"fail","code":0}`} }

// refusing stores an upload without the records that have a code, and says so.
func (u *upload) refusing(codes map[int]int) *answer {
	a := &answer{status: 200}
	var entries []string
	for i, key := range u.keys {
		if code, ok := codes[key]; ok {
			entries = append(entries, entry(code, i+1, record(key).JSON))
		} else {
			a.keep = append(a.keep, key)
		}
	}
	a.body = partial(len(a.keep), entries...)
	if len(entries) == 0 {
		a.body = fmt.Sprintf(`{"status":"success","processed":%d}`, len(a.keep))
	}
	return a
}

// has tells whether an upload holds one of the keys.
func (u *upload) has(keys ...int) bool {
	return slices.ContainsFunc(u.keys, func(key int) bool { return slices.Contains(keys, key) })
}

// sizes are the numbers of records of all uploads so far.
func (c *cleverTap) sizes() []int {
	var sizes []int
	for _, u := range c.uploads {
		sizes = append(sizes, len(u.keys))
	}
	return sizes
}

// book is a fake of the caller's.
type book struct {
	open  func(key int) bool
	close func(key int, err error)

	mu    sync.Mutex
	ends  map[int]error
	order []int // keys as they were closed
	twice []int
}

func (b *book) MaySend(key int) bool { return b.open == nil || b.open(key) }

func (b *book) Done(key int, err error) {
	b.mu.Lock()
	if _, ok := b.ends[key]; ok {
		b.twice = append(b.twice, key)
	}
	if b.ends == nil {
		b.ends = map[int]error{}
	}
	b.ends[key] = err
	b.order = append(b.order, key)
	b.mu.Unlock()
	if b.close != nil {
		b.close(key, err)
	}
}

// end is a record's end in a word: "accepted", or kind, reason and code of its fault.
func end(err error) string {
	if err == nil {
		return "accepted"
	}
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok {
		return "unmarked"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Kind, f.Reason, f.Code))
}

// expect checks the ends of records, all from 0 on that are not named being as the first argument says.
func (b *book) expect(t *testing.T, n int, rest string, named map[int]string) {
	t.Helper()
	if len(b.ends) != n {
		t.Errorf("%d records have an end, want %d", len(b.ends), n)
	}
	if len(b.twice) > 0 {
		t.Errorf("closed twice: %v", b.twice)
	}
	for _, key := range slices.Sorted(maps.Keys(b.ends)) {
		want, ok := named[key]
		if !ok {
			want = rest
		}
		if got := end(b.ends[key]); got != want {
			t.Errorf("record %d: %s, want %s", key, got, want)
		}
	}
}

// onceAtMost checks that nothing accepted was stored twice, and that what is accepted was stored.
func (c *cleverTap) onceAtMost(t *testing.T, b *book) {
	t.Helper()
	for key, err := range b.ends {
		if err == nil && c.stored[key] != 1 {
			t.Errorf("record %d was accepted and is stored %d times", key, c.stored[key])
		}
	}
}

// within gives a context with a deadline of that distance.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// uploader makes one over a fake, with full waits.
func uploader(c *cleverTap) *clevertap.Uploader {
	return clevertap.NewUploader(clevertap.Options{Transport: c, Jitter: func() float64 { return 1 }})
}

// oneLane is the usual set of lanes.
func oneLane(n int) []clevertap.AccountBatch {
	return []clevertap.AccountBatch{{Account: account, Records: records(0, n)}}
}
