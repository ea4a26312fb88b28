package message_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

var received = time.Date(2026, 11, 23, 9, 8, 7, 6_999_999, time.FixedZone("", 3600))

func decode(e message.Encoded) (message.Message, error) {
	return message.Decode([]byte(e.Body), func(name string) string { return e.Attributes[name] })
}

func TestABodyIsRawIfSQSAcceptsIt(t *testing.T) {
	for name, c := range map[string]struct {
		body     string
		encoding string
	}{
		"JSON":                                  {`{"event_name": "ACTIVATE","user_id":"rosée-7"}`, message.Raw},
		"delete is not forbidden":               {"\x7f", message.Raw},
		"the highest characters":                {"\uD7FF\uE000\uFFFD\U00010000\U0010FFFF", message.Raw},
		"a noncharacter beyond the first plane": {"\U0001FFFE", message.Raw},
		"nothing at all":                        {"", message.Base64},
		"a NUL":                                 {"{\x00}", message.Base64},
		"U+FFFE":                                {"\uFFFE", message.Base64},
		"U+FFFF":                                {"a\uFFFFb", message.Base64},
		"a cut rune":                            {"caf\xc3", message.Base64},
	} {
		t.Run(name, func(t *testing.T) {
			e := message.Encode(message.Message{App: "demo", Received: received, Body: []byte(c.body)}, message.IDs{}, true)
			if got := e.Attributes[message.AttrEncoding]; got != c.encoding {
				t.Errorf("encoding = %q, want %q", got, c.encoding)
			}
			switch {
			case c.body == "" && e.Body != "\n":
				t.Errorf("an empty body is encoded as %q", e.Body)
			case c.encoding == message.Raw && e.Body != c.body:
				t.Errorf("body changed: %q", e.Body)
			}
			m, err := decode(e)
			if err != nil || string(m.Body) != c.body {
				t.Errorf("decoded %q, %v", m.Body, err)
			}
		})
	}
}

func TestDecodeRejectsWhatCanNeverBeRead(t *testing.T) {
	good := map[string]string{
		"schema": "1", "app": "demo", "received_at": "2026-11-23T08:08:07.006Z", "encoding": "base64",
	}
	for name, c := range map[string]struct {
		change map[string]string
		body   string
		reason fault.Reason
	}{
		"no schema": {map[string]string{"schema": ""}, "e30=", fault.UnknownSchema},
		"schema before anything else": {
			map[string]string{"schema": "01", "encoding": "gzip"}, "!", fault.UnknownSchema,
		},
		"another encoding":                    {map[string]string{"encoding": "gzip"}, "e30=", fault.Malformed},
		"invalid base64":                      {nil, "{}", fault.Malformed},
		"base64 that was cut":                 {nil, "e30", fault.Malformed},
		"an unreadable time":                  {map[string]string{"received_at": "noon"}, "e30=", ""},
		"base64 with line ends, as from mail": {nil, "e3\n0=\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			attributes := maps.Clone(good)
			maps.Copy(attributes, c.change)
			m, err := message.Decode([]byte(c.body), func(name string) string { return attributes[name] })
			if c.reason == "" {
				if err != nil || string(m.Body) != "{}" || m.App != attributes["app"] {
					t.Fatalf("got %v, %v", m, err)
				}
				if (attributes["received_at"] == "noon") != m.Received.IsZero() {
					t.Errorf("received = %v", m.Received)
				}
				return
			}
			f, ok := errors.AsType[*fault.Fault](err)
			if !ok || f.Kind != fault.Reject || f.Reason != c.reason {
				t.Errorf("error = %v, want a reject with %s", err, c.reason)
			}
		})
	}
}

func TestTheLargestBodyFitsTheQueue(t *testing.T) {
	body := bytes.Repeat([]byte{0}, message.MaxBody)
	e := message.Encode(message.Message{App: strings.Repeat("a", 63), Received: received, Body: body}, message.IDs{},
		true)
	size := len(e.Body)
	for name, value := range e.Attributes {
		size += len(name) + len("String") + len(value)
	}
	if size > 1<<20-3*1024 {
		t.Errorf("%d bytes leave too little for a rejected message's attributes", size)
	}
	if base64.StdEncoding.EncodedLen(message.MaxBody+3)+4*1024 <= 1<<20 {
		t.Error("a larger body would fit")
	}
}

func FuzzDecodeUndoesEncode(f *testing.F) {
	for _, body := range []string{"", "\n", "{}", "\x00", "\xff", "\uFFFE", "e30=", "rosée"} {
		f.Add([]byte(body), "user", "u-1", "ACTIVATE", "event", true)
	}
	f.Fuzz(func(t *testing.T, body []byte, kind, subscriber, name, eventID string, fifo bool) {
		ids := message.IDs{SubscriberKind: kind, Subscriber: subscriber, EventName: name, EventID: eventID}
		e := message.Encode(message.Message{App: "demo", Received: received, Body: body}, ids, fifo)
		m, err := decode(e)
		if err != nil || !bytes.Equal(m.Body, body) || m.App != "demo" ||
			!m.Received.Equal(received.Truncate(time.Millisecond)) {
			t.Fatalf("decoded %v, %v", m, err)
		}
		if e.Body == "" || slices.ContainsFunc([]rune(e.Body), forbidden) {
			t.Fatalf("SQS refuses %q", e.Body)
		}
		if !legal(e.GroupID) || fifo != legal(e.DeduplicationID) {
			t.Fatalf("ids %q and %q", e.GroupID, e.DeduplicationID)
		}
	})
}

// forbidden is SQS's list of characters as AWS writes it, negated.
func forbidden(r rune) bool {
	return r != 0x9 && r != 0xA && r != 0xD && (r < 0x20 || r > 0xD7FF) &&
		(r < 0xE000 || r > 0xFFFD) && (r < 0x10000 || r > 0x10FFFF)
}

// FuzzAnyMessageIsReadOrRejected: whoever may send to the queue may write anything. A message is read or rejected; no
// text makes it come back for ever.
func FuzzAnyMessageIsReadOrRejected(f *testing.F) {
	f.Add("{}", "1", "demo", "2026-11-23T06:27:22.000Z", "raw")
	f.Add("\n", "1", "demo", "2026-11-23T06:27:22.000Z", "base64")
	f.Add("====", "1", "demo", "2026-11-23T06:27:22.000Z", "base64")
	f.Add("{}", "01", "../demo", "0000-00-00T99:99:99Z", "RAW")
	f.Add("\x00\xff", "", "", "", "")
	f.Fuzz(func(t *testing.T, body, schema, app, received, encoding string) {
		attributes := map[string]string{"schema": schema, "app": app, "received_at": received, "encoding": encoding}
		m, err := message.Decode([]byte(body), func(name string) string { return attributes[name] })
		if err == nil {
			if schema != "1" || m.App != app {
				t.Fatalf("read %+v of schema %q and app %q", m, schema, app)
			}
			return
		}
		refused, ok := errors.AsType[*fault.Fault](err)
		if !ok || refused.Kind != fault.Reject || refused.Reason != fault.Malformed &&
			refused.Reason != fault.UnknownSchema {
			t.Fatalf("error is %v", err)
		}
	})
}
