package message

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Queued is one message of a batch as Lambda hands it over.
type Queued struct {
	ID         string
	Receipt    string
	Body       []byte
	Group      string // empty on a standard queue
	Source     string // the queue's ARN
	Receives   int    // how often the message has been received, this time included; at least 1
	Sent       time.Time
	Attributes map[string]Attribute
}

// Attribute is one message attribute: a string, or a binary value as base64 text.
type Attribute struct {
	Type   string `json:"dataType"`
	String string `json:"stringValue"`
	Binary string `json:"binaryValue"`
}

// Value is whichever of the two there is.
func (a Attribute) Value() string {
	if a.String != "" {
		return a.String
	}
	return a.Binary
}

// FIFO reports whether the message came from a FIFO queue.
func (m *Queued) FIFO() bool { return strings.HasSuffix(m.Source, ".fifo") }

// Attribute returns an attribute's value, empty if there is none of that name.
func (m *Queued) Attribute(name string) string { return m.Attributes[name].Value() }

// errEvent says that the payload is not an SQS event. It does not quote it: bodies are personal.
var errEvent = errors.New("payload is not an SQS event")

// record is a message in Lambda's JSON, with the members that are used.
type record struct {
	MessageID     string `json:"messageId"`
	ReceiptHandle string `json:"receiptHandle"`
	Body          text   `json:"body"`
	Source        string `json:"eventSourceARN"`
	Attributes    struct {
		Receives string `json:"ApproximateReceiveCount"`
		Sent     string `json:"SentTimestamp"`
		Group    string `json:"MessageGroupId"`
	} `json:"attributes"`
	MessageAttributes map[string]Attribute `json:"messageAttributes"`
}

// text is a JSON string that is copied once: most of an event are its bodies.
type text []byte

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	switch value.Kind() {
	case jsontext.KindNull:
		*t = nil
	case jsontext.KindString:
		// It was read, so only bad UTF-8 is left to report.
		*t, _ = jsontext.AppendUnquote(make([]byte, 0, len(value)), value)
	default:
		return errEvent
	}
	return nil
}

// ReadEvent reads the SQS event that Lambda hands to a function. The error quotes nothing of it.
func ReadEvent(payload []byte) ([]Queued, error) {
	var event struct {
		Records []record `json:"Records"`
	}
	lenient := json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := json.Unmarshal(payload, &event, lenient); err != nil {
		return nil, errEvent
	}
	messages := make([]Queued, len(event.Records))
	for i := range event.Records {
		messages[i] = event.Records[i].message()
	}
	return messages, nil
}

func (r *record) message() Queued {
	m := Queued{
		ID: r.MessageID, Receipt: r.ReceiptHandle, Body: r.Body, Group: r.Attributes.Group, Source: r.Source,
		Receives: 1, Attributes: r.MessageAttributes,
	}
	if n, err := strconv.Atoi(r.Attributes.Receives); err == nil && n > 0 {
		m.Receives = n
	}
	if ms, err := strconv.ParseInt(r.Attributes.Sent, 10, 64); err == nil && ms > 0 {
		m.Sent = time.UnixMilli(ms)
	}
	return m
}

// Failures is the response to Lambda that names the messages which come back. The list is never null; an empty id in
// it would make Lambda fail the whole batch.
func Failures(messages []Queued, comesBack func(i int) bool) []byte {
	out := []byte(`{"batchItemFailures":[`)
	empty := len(out)
	for i := range messages {
		if messages[i].ID == "" || !comesBack(i) {
			continue
		}
		if len(out) > empty {
			out = append(out, ',')
		}
		out = append(out, `{"itemIdentifier":`...)
		out, _ = jsontext.AppendQuote(out, messages[i].ID) // it was read from JSON, so it can be written
		out = append(out, '}')
	}
	return append(out, "]}"...)
}

// EndEarlier ends a batch's context that much before its deadline, so that what follows has time.
func EndEarlier(ctx context.Context, early time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-early))
}

// Rejection is a message for the rejected queue: the message as it came, and why.
type Rejection struct {
	Message  *Queued
	Reason   fault.Reason
	Code     string // empty where CleverTap sent none
	Error    string // our own sentence
	Accepted string // kinds of records that CleverTap has already taken; empty: none
}

// Delay is when a message comes back.
type Delay struct {
	Message *Queued
	After   time.Duration // whole seconds
}

// Delayer sets when messages come back to the queue of the given ARN.
type Delayer interface {
	Delay(ctx context.Context, source string, messages []Delay) error
}

// DelayAll sets when messages of a batch come back; all of a batch come from one queue. If that fails, nothing is
// lost: the queue's own visibility holds.
func DelayAll(ctx context.Context, delayer Delayer, messages []Delay, log *slog.Logger) {
	if len(messages) == 0 {
		return
	}
	if err := delayer.Delay(ctx, messages[0].Message.Source, messages); err != nil {
		fault.Of(err).Log(ctx, log, "new visibility refused", slog.Int("retried", len(messages)))
	}
}

// enoughDoublings reach every longest delay from a millisecond without an overflow.
const enoughDoublings = 24

// Backoff is the new visibility of a message that is retried: doubled with each receive, give or take a fifth, so that
// a hiccup costs seconds, an outage few receives, and messages that failed together do not come back together. jitter
// returns a number in [0,1); nil is chance.
func Backoff(first, longest time.Duration, receives int, jitter func() float64) time.Duration {
	if jitter == nil {
		jitter = rand.Float64
	}
	d := longest
	if doublings := receives - 1; doublings < enoughDoublings {
		d = min(d, first<<doublings)
	}
	d = time.Duration(float64(d) * (0.8 + 0.4*jitter()))
	return min(d.Round(time.Second), longest)
}
