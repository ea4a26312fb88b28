package receive_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// queues checks that a webhook is accepted and that its message decodes to the bytes that were signed.
func (h *harness) queues(want string) message.Encoded {
	h.t.Helper()
	h.wants("")
	e := h.queued[0]
	m, err := message.Decode([]byte(e.Body), func(name string) string { return e.Attributes[name] })
	if err != nil || string(m.Body) != want {
		h.t.Errorf("queued %q, want %q, %v", m.Body, want, err)
	}
	return e
}

func queuesBody(t *testing.T, body string, encoded bool) {
	t.Helper()
	newHarness(t).sign(body, encoded).queues(body)
}

func TestAnythingSignedIsQueued(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"not JSON":             "hello",
		"odd ids":              `{"event_id":{"a":1},"user_id":[null],"anonymous_user_id":1e999}`,
		"an id SQS refuses":    `{"event_id":"` + strings.Repeat("é", 200) + `"}`,
		"every kind of escape": "\"\\/\b\f\n\r\t\u2028<>&\U0001F600\u00e9\x7f",
		"control characters":   "\x00\x01\x1f",
		"deep nesting":         strings.Repeat("[", 400),
		"a byte order mark":    "\ufeff{}",
		"noncharacters":        "\uFFFE\uFFFF",
	} {
		t.Run(name, func(t *testing.T) {
			queuesBody(t, text, false)
			queuesBody(t, text, true)
		})
	}
	queuesBody(t, "\xff\xfe{\"a\":\"\xc3\"}\x00", true)
}

// Nobody knows what API Gateway does with a body that is not UTF-8; if it leaves the bytes alone, the signature
// matches.
func TestBodiesAreReadByteForByte(t *testing.T) {
	for text, want := range map[string]string{
		`\"\\\/\b\f\n\r\t`:                 "\"\\/\b\f\n\r\t",
		`\u00e9\u00C9\u20ac`:               "éÉ€",
		`\ud83d\ude00`:                     "😀",
		`\uD83D\uDE00!`:                    "😀!",
		`\ud83d`:                           "\ufffd",
		`\ud83d!`:                          "\ufffd!",
		`\ud83d\u0041`:                     "\ufffdA",
		`\ud83d\ud83d\ude00`:               "\ufffd😀",
		`\ude00\ud83d`:                     "\ufffd\ufffd",
		`a\u0000b`:                         "a\x00b",
		`\u003cscript\u003e \u0026 \u2028`: "<script> & \u2028",
		"\xff\xc3":                         "\xff\xc3",
		"\xff\xc3\\n":                      "\xff\xc3\n",
		"\\\\u\xffé\\ud83d\\ude00\\\"\xc3": "\\u\xffé😀\"\xc3",
		"\xed\xa0\xbd\\ud83d\\n\\\\":       "\xed\xa0\xbd\ufffd\n\\",
	} {
		h := newHarness(t).sign(want, false)
		h.event["body"] = "MARK"
		h.raw = new(strings.Replace(string(h.payload()), "MARK", text, 1))
		h.queues(want)
	}
}

func TestAMissingBodyIsAnEmptyOne(t *testing.T) {
	for name, change := range map[string]func(h *harness){
		"absent":                     func(h *harness) { delete(h.event, "body") },
		"null":                       func(h *harness) { h.event["body"] = nil },
		"absent, declared as base64": func(h *harness) { delete(h.event, "body"); h.event["isBase64Encoded"] = true },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t).sign("", false)
			change(h)
			if m := h.queues(""); m.Body != "\n" || m.Attributes["encoding"] != "base64" {
				t.Errorf("queued %+v", m)
			}
		})
	}
}

func TestTheSizeLimitIsInBytesOfTheBody(t *testing.T) {
	for _, encoded := range []bool{false, true} {
		queuesBody(t, strings.Repeat("x", 1000), encoded)
		queuesBody(t, strings.Repeat("\"\n", 500), encoded) // long only because of escapes
		newHarness(t).sign(strings.Repeat("x", 1001), encoded).wants(fault.TooLarge)
		newHarness(t).sign(strings.Repeat("é", 501), encoded).wants(fault.TooLarge)
	}
	h := newHarness(t)
	h.event["body"], h.event["isBase64Encoded"] = strings.Repeat("!", 1340), true // nobody decodes it
	h.wants(fault.TooLarge)
}

func TestTheAppComesFromThePath(t *testing.T) {
	named := func(app any) func(object) {
		return func(e object) { e["pathParameters"] = object{"app": app}; delete(e, "rawPath") }
	}
	path := func(path string) func(object) {
		return func(e object) { delete(e, "pathParameters"); e["rawPath"] = path }
	}
	for name, c := range map[string]struct {
		edit   func(event object)
		reason fault.Reason
	}{
		"as a parameter":        {named("demo"), ""},
		"without parameters":    {path("/purchasely/demo"), ""},
		"with other parameters": {func(e object) { e["pathParameters"] = object{"id": "x"} }, ""},
		"behind a stage's name": {path("/prod/purchasely/demo"), ""},
		"in upper case":         {named("DEMO"), fault.UnknownApp},
		"as a number":           {named(7), fault.UnknownApp},
		"nowhere":               {func(e object) { clear(e) }, fault.UnknownApp},
		"empty":                 {path("/purchasely/"), fault.UnknownApp},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			c.edit(h.event)
			h.wants(c.reason)
		})
	}
}

func TestWhatIsNotAnHTTPEventIsAnUnknownApp(t *testing.T) {
	genuine := string(newHarness(t).payload())
	for name, payload := range map[string]string{
		"nothing":            "",
		"null":               "null",
		"an empty object":    "{}",
		"not JSON":           "\x00",
		"a list for headers": `{"pathParameters":{"app":"demo"},"headers":[]}`,
		"an event cut short": genuine[:len(genuine)-1],
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.raw = &payload
			h.wants(fault.UnknownApp)
		})
	}
}

func TestOnlyAllowedSourcesAreAccepted(t *testing.T) {
	from := func(address any) object { return object{"http": object{"method": "POST", "sourceIp": address}} }
	for name, c := range map[string]struct {
		context any
		reason  fault.Reason
	}{
		"an address of the block":         {from("203.0.113.17"), ""},
		"an address outside":              {from("203.0.114.17"), fault.Source},
		"an IPv6 address of a block":      {from("2001:db8::17"), ""},
		"an IPv4 address written as IPv6": {from("::ffff:203.0.113.17"), ""},
		"a word":                          {from("localhost"), fault.Source},
		"two addresses":                   {from("192.0.2.1,203.0.113.17"), fault.Source},
		"no context":                      {nil, fault.Source},
		"a context that is a list":        {[]any{"203.0.113.17"}, fault.Source},
		"an address in another place":     {object{"sourceIp": "203.0.113.17"}, fault.Source},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			for _, block := range []string{"203.0.113.0/24", "198.51.100.7/32", "2001:db8::/32"} {
				h.Sources = append(h.Sources, netip.MustParsePrefix(block))
			}
			h.event["requestContext"] = c.context
			h.headers["x-forwarded-for"] = "203.0.113.17" // which the sender may have written
			h.wants(c.reason)
		})
	}
	t.Run("any address if none is configured", func(t *testing.T) {
		h := newHarness(t)
		delete(h.event, "requestContext")
		h.wants("")
	})
}

func FuzzSignedBytesAreQueuedAndOthersRefused(f *testing.F) {
	for _, text := range []string{"", "{}", body, "\x00\xff", "\"\\\n", "\U0001F600", "\uFFFE"} {
		f.Add([]byte(text), uint16(3))
	}
	f.Fuzz(func(t *testing.T, sent []byte, at uint16) {
		if len(sent) > 1000 {
			return
		}
		queuesBody(t, string(sent), true)
		if strings.ToValidUTF8(string(sent), "") == string(sent) {
			queuesBody(t, string(sent), false)
		}
		if len(sent) == 0 {
			return
		}
		changed := bytes.Clone(sent)
		changed[int(at)%len(changed)] ^= 1
		h := newHarness(t).sign(string(changed), true)
		h.headers[signatureHeader] = sign(key, timestamp, string(sent))
		h.wants(fault.BadSignature)
	})
}

func FuzzAnyPayloadIsAnswered(f *testing.F) {
	f.Add([]byte(`{"pathParameters":{"app":"demo"},"headers":{"x-purchasely-timestamp":"\u12"},"body":"\ud83d\n"}`))
	f.Add([]byte(`{"rawPath":"/purchasely/demo","isBase64Encoded":true,"body":"===="}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		h := newHarness(t)
		h.raw = new(string(payload))
		if status, _ := h.invoke(t.Context()); status != 404 && status != 401 && status != 413 {
			t.Fatalf("answered %d", status)
		}
	})
}
