package clevertaptest_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// The account that most tests use, and the time at which their servers stand.
const (
	account  = "TEST-123-4567"
	passcode = "demo-passcode"
	now      = 1793620800
	upload   = "https://api.clevertap.com/1/upload"
	deletion = "https://api.clevertap.com/1/delete/profiles.json"
)

// serverOf makes a server at a fixed time, with one account that a test may change.
func serverOf(change ...func(*clevertaptest.Config)) *clevertaptest.Server {
	config := clevertaptest.Config{
		Accounts: []clevertaptest.Account{{ID: account, Passcodes: []string{passcode}}},
		Now:      func() time.Time { return time.Unix(now, 0) },
	}
	for _, c := range change {
		c(&config)
	}
	return clevertaptest.New(config)
}

// withAccount changes the account of a server.
func withAccount(change func(*clevertaptest.Account)) func(*clevertaptest.Config) {
	return func(c *clevertaptest.Config) { change(&c.Accounts[0]) }
}

// withFaults sets a server up with faults.
func withFaults(faults ...clevertaptest.Fault) func(*clevertaptest.Config) {
	return func(c *clevertaptest.Config) { c.Faults = faults }
}

// requestOf makes a proper upload, which a test may change.
func requestOf(t testing.TB, url, body string, change ...func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-CleverTap-Account-Id", account)
	r.Header.Set("X-CleverTap-Passcode", passcode)
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	for _, c := range change {
		c(r)
	}
	return r
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	body    string
	chunked bool
	last    bool
}

// call sends a request and reads the answer to its end.
func call(t testing.TB, by http.RoundTripper, r *http.Request) answer {
	t.Helper()
	a, err := attempt(by, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// attempt is call for a request that may fail.
func attempt(by http.RoundTripper, r *http.Request) (answer, error) {
	response, err := by.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), len(response.TransferEncoding) > 0, response.Close}, err
}

// post uploads a body without a network.
func post(t testing.TB, s *clevertaptest.Server, body string) answer {
	t.Helper()
	return call(t, s.Transport(), requestOf(t, upload, body))
}

// verdict is an answer of 200, read leniently.
type verdict struct {
	Status      string    `json:"status"`
	Error       string    `json:"error"`
	Processed   *int      `json:"processed"`
	Unprocessed []refused `json:"unprocessed"`
}

// refused is one entry of it.
type refused struct {
	Status string         `json:"status"`
	Code   jsontext.Value `json:"code"`
	Error  string         `json:"error"`
	Record jsontext.Value `json:"record"`
}

// code gives the entry's code, 0 if it has none.
func (r refused) code() int {
	code, _ := strconv.Atoi(strings.Trim(string(r.Code), `"`))
	return code
}

var skipped = regexp.MustCompile(`Skipped record number : (\d+)$`)

// position gives the number in the entry's text, -1 if there is none.
func (r refused) position() int {
	match := skipped.FindStringSubmatch(r.Error)
	if match == nil {
		return -1
	}
	n, _ := strconv.Atoi(match[1])
	return n
}

// read reads an answer of 200.
func (a answer) read(t testing.TB) verdict {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	var v verdict
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("answer %q: %v", a.body, err)
	}
	return v
}

// processed gives the count, -1 if there is none.
func (v verdict) processed() int {
	if v.Processed == nil {
		return -1
	}
	return *v.Processed
}

// event is a proper record with an id of its own and further properties.
func event(id int, properties string) string {
	return `{"type":"event","identity":"reader-7731","ts":1793620800,"evtName":"TRIAL_STARTED","evtData":{"event_id":"` + strconv.Itoa(id) + `"` + properties + `}}`
}

// list wraps records into an upload.
func list(records ...string) string { return `{"d":[` + strings.Join(records, ",") + `]}` }

// events makes an upload of so many proper records.
func events(n int) string {
	records := make([]string, n)
	for i := range records {
		records[i] = event(i+1, "")
	}
	return list(records...)
}

// rules gives the rules of all objections.
func rules(s *clevertaptest.Server) []string {
	var all []string
	for _, o := range s.Objections() {
		all = append(all, o.Rule)
	}
	return all
}
