package forward_test

import (
	"bytes"
	"context"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// fuzzMoods are what CleverTap may do with a fuzzed batch; a number chooses one.
var fuzzMoods = [...]string{
	"accepts", "refuses one record", "refuses one with a code that passes", "miscounts", "answers 400", "answers 401", "answers 500", "panics",
}

// FuzzEvent: whatever Lambda may hand over, there is an error or an answer, every message of the batch has one outcome, and the batch
// holds what the vendor's own type would hold. Reader and handler have had another batch before, whose memory they use again.
func FuzzEvent(f *testing.F) {
	for mood := range fuzzMoods {
		f.Add([]byte(oneMessage), uint8(mood))
		f.Add(payload(f, []queued{{app: "demo", body: bodies["event"], group: "g"}, {app: "other", body: bodies["nobody"], group: "g"}}), uint8(mood))
	}
	f.Fuzz(func(t *testing.T, payload []byte, mood uint8) {
		sent := bytes.Clone(payload)
		messages, unreadable := forward.ReadEvent(payload)
		agreesWithTheVendor(t, payload, messages, unreadable)
		synctest.Test(t, func(t *testing.T) {
			c := newCorridor(t)
			c.run(t, []queued{{app: "demo", body: bodies["event"], group: "g"}, {app: "mystery", body: bodies["nobody"]}})
			c.out.Reset()
			c.rejected = nil
			c.clevertap = moods[fuzzMoods[int(mood)%len(fuzzMoods)]]
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			switch answer, err := c.Invoke(ctx, payload); {
			case (err == nil) != (unreadable == nil):
				t.Errorf("the corridor says %v, the reader %v", err, unreadable)
			case err == nil:
				c.balances(t, messages, answer)
			case answer != nil || c.out.Len() > 0:
				t.Errorf("beside %v there are %q and %q", err, answer, &c.out)
			}
		})
		if !bytes.Equal(payload, sent) {
			t.Error("the payload was written to")
		}
	})
}

// balances checks that the answer names messages of the batch only, and that answer, log, metrics and rejected queue count alike.
func (c *corridor) balances(t *testing.T, messages []forward.Message, answer []byte) {
	t.Helper()
	var response struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response, json.RejectUnknownMembers(true)); err != nil || response.Failures == nil {
		t.Fatalf("answer %s: %v", answer, err)
	}
	left := map[string]int{}
	for _, m := range messages {
		left[string(m.ID)]++
	}
	nameless := left[""] // Nobody could name them: Lambda takes an empty id for a faulty answer.
	for _, f := range response.Failures {
		if left[f.ID]--; left[f.ID] < 0 || f.ID == "" {
			t.Errorf("the answer names %q once too often", f.ID)
		}
	}
	var told line
	metrics := map[string]int{}
	for _, members := range c.lines(t) {
		if members["_aws"] == nil {
			if l := read[line](t, members); l.Received != nil {
				told = l
			}
			continue
		}
		byApp := map[string]map[string]int{}
		sum(t, byApp, members)
		for _, counts := range byApp {
			for name, n := range counts {
				metrics[name] += n
			}
		}
	}
	if told.Received == nil || *told.Received != len(messages) || told.Delivered+told.Skipped+told.Rejected+told.Retried != len(messages) {
		t.Errorf("%+v of %d messages", told, len(messages))
	}
	if metrics["MessagesReceived"] != len(messages) || metrics["MessagesDelivered"] != told.Delivered || metrics["MessagesSkipped"] != told.Skipped ||
		metrics["MessagesRejected"] != told.Rejected || metrics["MessagesRetried"] != told.Retried {
		t.Errorf("metrics %v, log %+v", metrics, told)
	}
	if n := len(response.Failures); n > told.Retried || n < told.Retried-nameless || len(c.rejected) != told.Rejected {
		t.Errorf("%d come back, %d are on the rejected queue, log %+v", n, len(c.rejected), told)
	}
}

// agreesWithTheVendor checks what was read of a payload against the type that the vendor decodes it into.
func agreesWithTheVendor(t *testing.T, payload []byte, got []forward.Message, unreadable error) {
	t.Helper()
	var want events.SQSEvent
	if !usual(payload) || stdjson.Unmarshal(payload, &want) != nil {
		return
	}
	if unreadable != nil || len(got) != len(want.Records) {
		t.Fatalf("%d messages, want %d: %v", len(got), len(want.Records), unreadable)
	}
	for i, w := range want.Records {
		g := got[i]
		receives, err := strconv.Atoi(w.Attributes["ApproximateReceiveCount"])
		if err != nil || receives < 1 {
			receives = 1
		}
		if string(g.ID) != w.MessageId || string(g.Receipt) != w.ReceiptHandle || string(g.Body) != w.Body || string(g.Source) != w.EventSourceARN ||
			string(g.Group) != w.Attributes["MessageGroupId"] || g.Receives != receives || len(g.Attributes) != len(w.MessageAttributes) {
			t.Errorf("message %d: %+v, want %+v", i, g, w)
		}
		for name, a := range g.Attributes {
			if value, ok := w.MessageAttributes[name]; !ok || !carries(a, value) {
				t.Errorf("attribute %s of message %d: %q, want %+v", name, i, a.Value(), value)
			}
		}
	}
}

// carries tells whether an attribute has the type and one of the values of the vendor's.
func carries(a forward.Attribute, v events.SQSMessageAttribute) bool {
	if string(a.Type) != v.DataType {
		return false
	}
	if v.StringValue == nil && v.BinaryValue == nil {
		return len(a.Value()) == 0
	}
	if v.StringValue != nil && a.Value() == *v.StringValue {
		return true
	}
	decoded, err := base64.StdEncoding.DecodeString(a.Value())
	return err == nil && v.BinaryValue != nil && bytes.Equal(decoded, v.BinaryValue)
}

// fields are the names that the vendor's types know.
var fields = strings.Fields("Records messageId receiptHandle body md5OfBody md5OfMessageAttributes attributes messageAttributes eventSourceARN " +
	"eventSource awsRegion stringValue binaryValue stringListValues binaryListValues dataType")

// usual tells whether a payload's names are such as AWS writes: once each, without escapes, in the letter case that is documented.
// Of others encoding/json thinks in ways of its own.
func usual(payload []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(payload), jsontext.AllowInvalidUTF8(true))
	for {
		kind, length := d.StackIndex(d.StackDepth())
		name := kind == jsontext.KindBeginObject && length%2 == 0
		if !name || d.PeekKind() != jsontext.KindString {
			if _, err := d.ReadToken(); err != nil {
				return errors.Is(err, io.EOF)
			}
			continue
		}
		text, err := d.ReadValue()
		if err != nil || bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text) {
			return false
		}
		for _, field := range fields {
			if plain := string(text[1 : len(text)-1]); plain != field && strings.EqualFold(plain, field) {
				return false
			}
		}
	}
}
