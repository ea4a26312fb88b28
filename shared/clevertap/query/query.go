// Package query answers what CleverTap has: how often an event happened on which day, the events themselves, and one
// profile.
//
// It only reads, makes one request at a time whoever calls it, waits where CleverTap asks for it, and gives up in the
// end. Its errors are marked faults and quote neither an id nor CleverTap's words. It is a package of its own because
// no function needs it. It knows nothing of webhooks and compares nothing.
package query

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/network"
)

// Limits of CleverTap (pages get-events-api and trends-api, November 2026), and ours.
const (
	rowsPerPage = 5000
	maxAnswer   = 256 << 20 // a page of rows with many properties is about 20 MB
	timeout     = time.Minute

	attempts   = 6           // of a request that fails for a passing reason
	firstPause = time.Second // before another attempt, or a look for an answer that was not ready; doubled each time
	maxPause   = 30 * time.Second
	maxAsks    = 40 // for one answer that takes longer: about a quarter of an hour
)

// Client asks one request at a time. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
	endpoint  string

	mu       sync.Mutex // held while a request is under way
	requests int
}

// New returns a Client. transport makes the calls; nil is the real one. An endpoint is used instead of
// https://<host>, and {host} in it stands for the host.
func New(transport http.RoundTripper, endpoint string) *Client {
	if transport == nil {
		t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
		network.Limit(t)
		transport = t
	}
	return &Client{transport: transport, endpoint: endpoint}
}

// Requests is how many were made so far.
func (c *Client) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// ErrRefused says that CleverTap refuses the question, as it may for an event that it has never had.
var ErrRefused = errors.New("CleverTap refuses to answer")

// Other errors of an answer.
var (
	errStatus     = errors.New("CleverTap answers with an error")
	errPartial    = errors.New("CleverTap's answer is not ready after a quarter of an hour")
	errUnreadable = fault.New(fault.Retry, fault.UnreadableAnswer, errors.New("CleverTap's answer cannot be read"))
)

// head is what the answers have in common.
type head struct {
	Status  string         `json:"status"`
	Request jsontext.Value `json:"req_id"` // a number or a text
}

// ask makes a request and reads its answer. It asks again for an answer that is not ready, under the id that CleverTap
// gives it.
func (c *Client) ask(ctx context.Context, a clevertap.Account, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fault.New(fault.Reject, fault.Malformed, err)
	}
	text, err := c.request(ctx, a, http.MethodPost, path, body)
	for asked := 0; ; asked++ {
		if err != nil {
			return err
		}
		var h head
		if decode(text, &h) != nil {
			return errUnreadable
		}
		id := strings.Trim(string(h.Request), `"`)
		switch {
		case !strings.EqualFold(h.Status, "partial") || id == "":
			return read(text, answer)
		case asked == maxAsks:
			return fault.New(fault.Retry, fault.Timeout, errPartial)
		}
		if err := pause(ctx, asked, 0); err != nil {
			return err
		}
		path, _, _ = strings.Cut(path, "?")
		text, err = c.request(ctx, a, http.MethodGet, path+"?req_id="+url.QueryEscape(id), nil)
	}
}

// read takes an answer apart that is ready.
func read(text []byte, answer any) error {
	var h head
	switch {
	case decode(text, &h) == nil && strings.EqualFold(h.Status, "fail"):
		return fault.New(fault.Reject, "clevertap_http_200", ErrRefused)
	case decode(text, answer) != nil:
		return errUnreadable
	}
	return nil
}

// decode is lenient: what CleverTap adds does no harm.
func decode(text []byte, into any) error {
	return json.Unmarshal(text, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// pause waits before a further attempt, at least as long as CleverTap asks for.
func pause(ctx context.Context, attempt int, atLeast time.Duration) error {
	select {
	case <-time.After(max(min(firstPause<<min(attempt, 10), maxPause), atLeast)):
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retry, fault.Timeout, ctx.Err())
	}
}

// request makes a request, again if it fails for a passing reason.
func (c *Client) request(ctx context.Context, a clevertap.Account, method, path string, body []byte) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		text, after, f := c.attempt(ctx, a, method, path, body)
		switch {
		case f == nil:
			return text, nil
		case ctx.Err() != nil:
			return nil, fault.New(fault.Retry, fault.Timeout, ctx.Err())
		case f.Kind != fault.Retry || attempt == attempts-1:
			return nil, f
		}
		if err := pause(ctx, attempt, after); err != nil {
			return nil, err
		}
	}
}

// attempt makes a request once. There is no http.Client, because it would follow a redirect and take the passcode
// along.
func (c *Client) attempt(
	ctx context.Context, a clevertap.Account, method, path string, body []byte,
) (text []byte, after time.Duration, f *fault.Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := clevertap.NewRequest(ctx, method, a, c.endpoint, path, body)
	if err != nil {
		return nil, 0, fault.New(fault.Operator, fault.Credentials, err)
	}
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, 0, networkFault(err)
	}
	defer func() { _ = response.Body.Close() }()
	if f := statusFault(response.StatusCode); f != nil {
		return nil, network.RetryAfter(response.Header.Get("Retry-After"), time.Now(), 10*maxPause), f
	}
	limited := &io.LimitedReader{R: response.Body, N: maxAnswer + 1}
	switch text, err = io.ReadAll(limited); {
	case err != nil:
		return nil, 0, networkFault(err)
	case limited.N == 0:
		return nil, 0, errUnreadable
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), 0, nil
}

// networkFault is the fault of a request without a whole answer.
func networkFault(err error) *fault.Fault {
	reason := fault.Network
	if network.IsTimeout(err) {
		reason = fault.Timeout
	}
	return fault.New(fault.Retry, reason, fmt.Errorf("CleverTap: %w", network.Cause(err)))
}

// statusFault is the fault of a status, nil for those of success.
func statusFault(status int) *fault.Fault {
	code, err := strconv.Itoa(status), errStatus
	kind, reason := fault.Retry, fault.Server
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusTooManyRequests:
		reason = fault.RateLimited
	case status == http.StatusRequestTimeout:
		reason = fault.Timeout
	case status < 500 && status != http.StatusBadRequest:
		kind, reason = fault.Operator, fault.Credentials // or the address is wrong
	case status < 500:
		kind, reason, err = fault.Reject, fault.Reason("clevertap_http_"+code), ErrRefused
	}
	return &fault.Fault{Kind: kind, Reason: reason, Code: code, Err: err}
}

// Day is a day in the account's time zone, as CleverTap writes it: 20261128.
type Day int

// DayOf is the day of a time in the time's own zone.
func DayOf(t time.Time) Day {
	year, month, day := t.Date()
	return Day(year*10000 + int(month)*100 + day)
}

// Begin is when the day begins in a zone.
func (d Day) Begin(zone *time.Location) time.Time {
	return time.Date(int(d)/10000, time.Month(int(d)/100%100), int(d)%100, 0, 0, 0, 0, zone)
}

// Next is the day after.
func (d Day) Next() Day { return DayOf(d.Begin(time.UTC).AddDate(0, 0, 1)) }

// String is the day as 2026-11-28.
func (d Day) String() string { return d.Begin(time.UTC).Format(time.DateOnly) }

// Question is about an event on some days, the last one included.
type Question struct {
	Event    string
	From, To Day
}

// form is a question as CleverTap takes it.
type form struct {
	Event  string           `json:"event_name"`
	From   Day              `json:"from"`
	To     Day              `json:"to"`
	Unique bool             `json:"unique"`
	Sum    string           `json:"sum_event_prop,omitzero"`
	Groups map[string]trend `json:"groups,omitzero"`
}

type trend struct {
	Type string `json:"trend_type"`
}

// number is one that may be written as a text, or missing.
type number float64

// UnmarshalJSON reads a number.
func (n *number) UnmarshalJSON(text []byte) error {
	value, err := strconv.ParseFloat(cmp.Or(strings.Trim(string(text), `"`), "0"), 64)
	if string(text) == "null" {
		value, err = 0, nil
	}
	*n = number(value)
	return err
}

// Daily returns how often an event happened on each day; with a property, the sums of that instead. A day without one
// may be missing.
func (c *Client) Daily(ctx context.Context, a clevertap.Account, q Question, sum string) (map[Day]float64, error) {
	f := form{Event: q.Event, From: q.From, To: q.To, Sum: sum, Groups: map[string]trend{"days": {"daily"}}}
	var answer struct {
		Days map[string]number `json:"days"`
	}
	if err := c.ask(ctx, a, "/1/counts/trends.json", f, &answer); err != nil {
		return nil, err
	}
	if answer.Days == nil {
		return nil, errUnreadable
	}
	days := make(map[Day]float64, len(answer.Days))
	for text, n := range answer.Days {
		day, err := strconv.Atoi(text)
		if err != nil {
			return nil, errUnreadable
		}
		days[Day(day)] = float64(n)
	}
	return days, nil
}
