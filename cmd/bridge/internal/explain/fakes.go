package explain

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// fixedAccounts are those of every app.
type fixedAccounts clevertap.Accounts

func (a fixedAccounts) Get(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.Accounts(a), nil
}
func (a fixedAccounts) Reload(context.Context, string) (clevertap.Accounts, error) {
	return clevertap.Accounts(a), nil
}

// nowhere takes what the handler would send back to queues.
type nowhere struct{}

func (nowhere) Reject(_ context.Context, all []message.Rejection) []error {
	return make([]error, len(all))
}
func (nowhere) Delay(context.Context, string, []message.Delay) error { return nil }

// recorder is a transport that keeps the bodies of uploads by account. It answers as CleverTap does: it accepts
// everything but events with the names of CleverTap's own.
type recorder struct {
	mu      sync.Mutex
	uploads map[string][]upload
}

func newRecorder() *recorder { return &recorder{uploads: make(map[string][]upload)} }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var records struct {
		D []jsontext.Value `json:"d"`
	}
	if err := json.Unmarshal(body, &records, stored.Lenient...); err != nil {
		return nil, err
	}
	account := request.URL.Host
	if request.URL.RawQuery == "" { // a heartbeat's dry run stores nothing
		r.mu.Lock()
		r.uploads[account] = append(r.uploads[account], upload{account, len(records.D), len(body), body})
		r.mu.Unlock()
	}
	answer := answerTo(records.D)
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header:        http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(bytes.NewReader(answer)),
	}, nil
}

// eventName is the name in a record, empty if that is a profile's.
func eventName(record []byte) string {
	var event struct {
		Name string `json:"evtName"`
	}
	_ = json.Unmarshal(record, &event, stored.Lenient...) // the mapping wrote it
	return event.Name
}

// answerTo is CleverTap's answer to records (developer.clevertap.com/docs/api-errors, November 2026).
func answerTo(records []jsontext.Value) []byte {
	var refused []string
	for i, record := range records {
		if clevertap.ReservedEvent(eventName(record)) {
			refused = append(refused, fmt.Sprintf(
				`{"status":"fail","code":513,"error":"Skipped record number : %d","record":%s}`, i+1, record))
		}
	}
	status := "partial"
	switch len(refused) {
	case 0:
		status = "success"
	case len(records):
		status = "fail"
	}
	return fmt.Appendf(nil, `{"status":"%s","processed":%d,"unprocessed":[%s]}`,
		status, len(records)-len(refused), strings.Join(refused, ","))
}

// statesOf returns what a table has of a subscriber, by account, as --state takes it. read is false if nobody has
// asked.
func statesOf(t *subscriber.LocalTable, s webhook.Subscriber) (states jsontext.Value, read bool) {
	all := make(map[string]jsontext.Value)
	for _, account := range []string{production, sandbox} {
		key := stateKey(s, account)
		read = read || t.Read[key]
		if text := t.Items[key].Text(subscriber.StateAttribute); text != "" {
			all[account] = jsontext.Value(text)
		}
	}
	text, err := json.Marshal(all, json.Deterministic(true))
	if err != nil {
		panic(err) // everything in it is JSON
	}
	return text, read
}
