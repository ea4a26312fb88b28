package forward_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// TestNothingPrivateIsToldOnAnyPath forces every reason that a message can have, one by one.
func TestNothingPrivateIsToldOnAnyPath(t *testing.T) {
	t.Parallel()
	event := queued{app: "demo", body: bodies["event"]}
	mood := func(name string) func(c *corridor) { return func(c *corridor) { c.clevertap = moods[name] } }
	store := func(name string) func(c *corridor) { return func(c *corridor) { c.accounts = stores[name] } }
	for name, path := range map[string]struct {
		change   func(c *corridor)
		messages []queued
		timeout  time.Duration
		last     string // what becomes of the last message, and why
	}{
		"delivered":                     {nil, []queued{event}, 0, "delivered"},
		"drift":                         {nil, []queued{{app: "demo", body: bodies["surprising"]}}, 0, "delivered"},
		"the app is off":                {nil, []queued{{app: "shut", body: bodies["event"]}}, 0, "skipped disabled"},
		"sandbox is off":                {nil, []queued{{app: "unsent", body: bodies["sandbox"]}}, 0, "skipped sandbox"},
		"nobody to address":             {nil, []queued{{app: "demo", body: bodies["nobody"]}}, 0, "skipped no_identity"},
		"anonymous subscribers are off": {nil, []queued{{app: "known", body: bodies["anonymous"]}}, 0, "skipped anonymous"},
		"the event is off":              {nil, []queued{{app: "silent", body: bodies["event"]}}, 0, "skipped event_off"},

		"not JSON":                 {nil, []queued{{app: "demo", body: bodies["broken"]}}, 0, "rejected malformed"},
		"no event name":            {nil, []queued{{app: "demo", body: bodies["no event"]}}, 0, "rejected malformed"},
		"an encoding of others":    {nil, []queued{{app: "demo", body: bodies["event"], encoding: "private-encoding"}}, 0, "rejected malformed"},
		"not base64":               {nil, []queued{{app: "demo", body: bodies["event"], encoding: "base64"}}, 0, "rejected malformed"},
		"a schema of others":       {nil, []queued{{app: "demo", body: bodies["event"], schema: "private-schema"}}, 0, "rejected unknown_schema"},
		"an app of nobody":         {nil, []queued{{app: "private-app", body: bodies["event"]}}, 0, "rejected unknown_app"},
		"a record that is bad":     {mood("refuses one record"), []queued{event}, 0, "rejected clevertap_513"},
		"a code nobody knows":      {mood("refuses one with a code that nobody knows"), []queued{event}, 0, "rejected clevertap_599"},
		"a panic for the 5th time": {panicking, []queued{{app: "demo", body: bodies["event"], receives: 5}}, 0, "rejected panic"},
		"a record refused whole":   {refuseOnlyOne, []queued{{app: "demo", body: bodies["sandbox"], group: "x"}, event}, 0, "rejected clevertap_http_400"},

		"a panic":                    {panicking, []queued{event}, 0, "retry panic"},
		"a code that passes":         {mood("refuses one with a code that passes"), []queued{event}, 0, "retry transient"},
		"numbers that do not fit":    {mood("miscounts"), []queued{event}, 0, "retry unmatched"},
		"no JSON from CleverTap":     {mood("writes HTML"), []queued{event}, 0, "retry unreadable_answer"},
		"a redirect":                 {mood("answers 301"), []queued{event}, 0, "retry credentials"},
		"credentials refused":        {mood("answers 401"), []queued{event}, 0, "retry credentials"},
		"the wrong address":          {mood("answers 404"), []queued{event}, 0, "retry credentials"},
		"too many requests":          {mood("answers 429"), []queued{event}, 0, "retry rate_limited"},
		"CleverTap is broken":        {mood("answers 500"), []queued{event}, 0, "retry server"},
		"CleverTap is gone":          {mood("hangs up"), []queued{event}, 0, "retry network"},
		"CleverTap hangs":            {mood("never answers"), []queued{event}, 0, "retry timeout"},
		"the HTTP client panics":     {mood("panics"), []queued{event}, 0, "retry unknown"},
		"CleverTap refuses all":      {mood("answers 400"), slices.Repeat([]queued{event}, 4), 0, "retry account_rejects_all"},
		"an open breaker":            {broken, []queued{event}, 0, "retry breaker"},
		"no time":                    {nil, []queued{event}, 50 * time.Millisecond, "retry no_time"},
		"behind one that comes back": {behind, []queued{{app: "other", body: bodies["event"], group: "g"}, {app: "demo", body: bodies["event"], group: "g"}}, 0, "retry group_order"},
		"no secret":                  {store("missing"), []queued{event}, 0, "retry secret"},
		"an error nobody marked":     {store("unmarked error"), []queued{event}, 0, "retry unknown"},
		"a secret that is no JSON":   {store("not JSON"), []queued{event}, 0, "retry secret"},
		"a secret of no account":     {store("odd host"), []queued{event}, 0, "retry credentials"},
		"a panic with the secret":    {store("panic"), []queued{event}, 0, "retry secret"},
		"no rejected queue": {func(c *corridor) {
			c.reject = func(m []forward.Rejection) []error { return []error{errors.New("https://127.0.0.1 refuses person-7")} }
		}, []queued{{app: "demo", body: bodies["broken"]}}, 0, "retry rejected_queue"},
		"no new visibility": {func(c *corridor) {
			c.clevertap, c.delay = moods["answers 500"], func() error { return errors.New("https://127.0.0.1 refuses person-7") }
		}, []queued{event}, 0, "retry server"},
		"no subscriber table":   {func(c *corridor) { c.Subscribers = entries{err: errDown} }, []queued{event}, 0, "retry table"},
		"an entry of nonsense":  {func(c *corridor) { c.Subscribers = entries{text: `{"person-7":"words about"}`} }, []queued{event}, 0, "delivered"},
		"no notes":              {func(c *corridor) { c.Delivered = notes{} }, []queued{{app: "demo", body: bodies["event"], receives: 2}}, 0, "delivered"},
		"a note not written":    {func(c *corridor) { c.Delivered, c.clevertap = notes{}, refuseLast }, []queued{event}, 0, "retry transient"},
		"no output for metrics": {func(c *corridor) { c.Metrics = closed{} }, []queued{event}, 0, "delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCorridor(t)
				if path.change != nil {
					path.change(c)
				}
				timeout := path.timeout
				if timeout == 0 {
					timeout = 30 * time.Second
				}
				c.runWithin(t, timeout, path.messages)
				if got := c.outcome(t, len(path.messages)-1); got != path.last {
					t.Errorf("%s, want %s\n%s", got, path.last, &c.out)
				}
				c.keepsQuiet(t)
			})
		})
	}
}

// outcome is what the log says about a message.
func (c *corridor) outcome(t *testing.T, i int) string {
	t.Helper()
	for _, members := range c.lines(t) {
		if l := read[line](t, members); l.MessageID == messageID(i) {
			return l.Outcome + " " + l.Reason
		}
	}
	return "delivered"
}

// panicking gives the mapper an app without its rules, at which it panics.
func panicking(c *corridor) {
	c.Integrations.Apps["demo"] = &integration.App{Name: "demo", Enabled: true}
}

// broken opens the account's breaker.
func broken(c *corridor) {
	c.clevertap = moods["answers 500"]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	account, _ := c.accounts("demo")
	for range 3 {
		lane := clevertap.AccountBatch{Account: account.Production, Records: []clevertap.Record{{JSON: []byte(`{"ts":1}`)}}}
		c.Uploader.Upload(ctx, []clevertap.AccountBatch{lane}, nobody{})
	}
}

// nobody is a book in which nothing is written.
type nobody struct{}

func (nobody) MaySend(int) bool { return true }
func (nobody) Done(int, error)  {}

// behind has no secret for the app "other".
func behind(c *corridor) {
	all := c.accounts
	c.accounts = func(app string) (clevertap.Accounts, error) {
		if app == "other" {
			return stores["missing"](app)
		}
		return all(app)
	}
}

// refuseOnlyOne refuses whatever has the private plan in it, whole.
func refuseOnlyOne(c *corridor) {
	c.clevertap = func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil || bytes.Contains(body, []byte("private-plan")) {
			return reply(400, `{"error":"words about person-7"}`), err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return acceptAll(r)
	}
}

// refuseLast takes all records but the last, which may pass later.
func refuseLast(r *http.Request) (*http.Response, error) {
	n := records(r)
	return reply(200, fmt.Sprintf(`{"status":"partial","processed":%d,"unprocessed":[{"status":"fail","code":555,`+
		`"error":"Skipped record number : %d, words about person-7"}]}`, n-1, n)), nil
}

// entries is a subscriber table of one text, or of none.
type entries struct {
	text string
	err  error
}

func (e entries) Read(_ context.Context, keys []string) (map[string]string, error) {
	texts := map[string]string{}
	for _, key := range keys {
		texts[key] = e.text
	}
	return texts, e.err
}

func (e entries) Write(context.Context, string, string, string) error { return e.err }

// notes is a table of notes that is out of reach.
type notes struct{}

func (notes) LoadDelivered(context.Context, []string) (map[string]forward.Kinds, error) {
	return nil, errDown
}
func (notes) SaveDelivered(context.Context, string, forward.Kinds) error { return errDown }

// closed is an output that takes nothing.
type closed struct{}

func (closed) Write([]byte) (int, error) {
	return 0, fmt.Errorf("words about %s", strings.Repeat("person-7", 2))
}
