package subscriber

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"
	"sync"
	"time"
)

// Event is a journal entry: what became of one webhook.
type Event struct {
	App      string
	Event    string
	EventID  string    // empty: the webhook has none
	Name     string    // under which CleverTap has the event, where that is not Event
	Created  time.Time // zero: the webhook does not say
	Received time.Time
	Settled  time.Time
	Outcome  string
	Reason   string // empty: delivered
	Code     string
	Records  string // kinds of records that CleverTap has accepted
	Active   string // "true" or "false": did the person then have an active subscription there; empty: unknown
	Account  string // id of the CleverTap account; empty: none
	Attempt  int
	Settings string // the name of the integration file that was in force
	Other    string // of a transfer: the partition of the other side
	Body     []byte // the webhook; nil: not kept
}

// Item is the entry as the table has it.
func (e Event) Item(lifetime time.Duration) Item {
	i := make(Item, 18)
	i["attempt"] = int64(e.Attempt)
	for _, t := range [...]struct{ name, text string }{
		{"app", e.App}, {"event", e.Event}, {"event_id", e.EventID}, {"outcome", e.Outcome}, {"reason", e.Reason},
		{"code", e.Code}, {"records", e.Records}, {"account", e.Account}, {"settings", e.Settings}, {"other", e.Other},
		{"name", e.Name}, {"active", e.Active},
	} {
		if t.text != "" {
			i[t.name] = t.text
		}
	}
	for _, t := range [...]struct {
		name string
		at   time.Time
	}{{"created", e.Created}, {"received", e.Received}, {"settled", e.Settled}} {
		if !t.at.IsZero() {
			i[t.name] = t.at.UnixMilli()
		}
	}
	if e.Body != nil {
		if packed := compress(e.Body); len(packed) <= maxPacked {
			i["body"] = packed
		}
	}
	i.expireAfter(e.Settled, lifetime)
	return i
}

// ReadEvent reads a journal entry. What is missing or of another type stays empty.
func ReadEvent(i Item) Event {
	e := Event{
		App: i.Text("app"), Event: i.Text("event"), EventID: i.Text("event_id"), Outcome: i.Text("outcome"),
		Reason: i.Text("reason"), Code: i.Text("code"), Records: i.Text("records"), Account: i.Text("account"),
		Settings: i.Text("settings"), Other: i.Text("other"), Attempt: int(i.Number("attempt")),
		Name: i.Text("name"), Active: i.Text("active"),
		Created: i.milliseconds("created"), Received: i.milliseconds("received"), Settled: i.milliseconds("settled"),
	}
	if packed, ok := i["body"].([]byte); ok {
		e.Body, _ = decompress(packed) // a body that cannot be read was not kept
	}
	return e
}

// JournalID is the last part of a journal entry's sort key: the event's id or, where that is empty, a hash of the
// webhook.
func JournalID(eventID string, body []byte) string {
	if eventID != "" {
		return eventID
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// EventID is the last part of a journal entry's sort key.
func EventID(sort string) string {
	_, id, _ := strings.Cut(strings.TrimPrefix(sort, EventPrefix), "#")
	_, id, _ = strings.Cut(id, "#")
	return id
}

// compressors are kept: a new one for each body took three quarters of a message's processor time, and 0.8 MB.
var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func compress(body []byte) []byte {
	var out bytes.Buffer
	w := compressors.Get().(*gzip.Writer) //nolint:forcetypeassert // The pool holds nothing else.
	defer compressors.Put(w)
	w.Reset(&out)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// maxPacked bounds a body in an entry: DynamoDB refuses items above 400 kB, and with one all that are written with it.
const maxPacked = 350_000

// maxBody bounds what is unpacked: no message on the queue is larger.
const maxBody = 1 << 20

func decompress(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxBody))
}
