package receive_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

func TestAnythingSignedIsQueued(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                "",
		"not JSON":               "hello",
		"half of JSON":           `{"event_name":`,
		"an unknown event":       `{"event_name":"BRAND_NEW"}`,
		"no ids":                 `{}`,
		"odd ids":                `{"event_id":{"a":1},"user_id":[null],"anonymous_user_id":1e999}`,
		"an id SQS refuses":      `{"event_id":"` + strings.Repeat("é", 200) + `"}`,
		"every kind of escape":   "\"\\/\b\f\n\r\t\u2028<>&\U0001F600\u00e9\x7f",
		"control characters":     "\x00\x01\x1f",
		"deep nesting":           strings.Repeat("[", 400),
		"a list":                 `[{"event_name":"ACTIVATE"}]`,
		"a version 2 webhook":    `{"api_version":2,"event":"PURCHASE_VALIDATED","properties":{"user":{"vendor_id":"u"}}}`,
		"duplicate keys":         `{"user_id":"a","user_id":"b"}`,
		"a byte order mark":      "\ufeff{}",
		"only a line end":        "\n",
		"noncharacters":          "\uFFFE\uFFFF",
		"the replacement symbol": "\ufffd",
	} {
		t.Run(name, func(t *testing.T) {
			for _, encoded := range []bool{false, true} {
				b := newBench(t)
				b.wants(genuine(t, text, encoded), 200, "", "demo")
				if got := decoded(t, b.queued[0]); got != text {
					t.Errorf("queued %q", got)
				}
			}
		})
	}
}

func TestBytesThatAreNoTextAreQueuedVerbatim(t *testing.T) {
	const binary = "\xff\xfe{\"a\":\"\xc3\"}\x00"
	b := newBench(t)
	b.wants(genuine(t, binary, true), 200, "", "demo")
	if got := decoded(t, b.queued[0]); got != binary {
		t.Errorf("queued %q", got)
	}
}

func TestEscapesStandForTheirCharacters(t *testing.T) {
	for escaped, want := range map[string]string{
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
	} {
		payload := bytes.Replace(genuine(t, "MARK", false), []byte("MARK"), []byte(escaped), 1)
		payload = bytes.Replace(payload, []byte(sign(key, timestamp, "MARK")), []byte(sign(key, timestamp, want)), 1)
		b := newBench(t)
		b.wants(payload, 200, "", "demo")
		if got := decoded(t, b.queued[0]); got != want {
			t.Errorf("%s became %q", escaped, got)
		}
	}
}

// Nobody knows what API Gateway does with such a body; if it hands the bytes over as they are, the signature still fits.
func TestBytesThatAreNoUTF8StayAsTheyAreInAnEvent(t *testing.T) {
	payload := genuine(t, "MARK\n", false)
	payload = bytes.Replace(payload, []byte("MARK"), []byte("\xff\xc3"), 1)
	payload = bytes.Replace(payload, []byte(sign(key, timestamp, "MARK\n")), []byte(sign(key, timestamp, "\xff\xc3\n")), 1)
	b := newBench(t)
	b.wants(payload, 200, "", "demo")
	if got := decoded(t, b.queued[0]); got != "\xff\xc3\n" {
		t.Errorf("queued %q", got)
	}
}

func TestAMissingBodyIsAnEmptyOne(t *testing.T) {
	for name, edit := range map[string]func(event map[string]any){
		"absent": func(event map[string]any) { delete(event, "body") },
		"null":   func(event map[string]any) { event["body"] = nil },
		"absent and said to be base64": func(event map[string]any) {
			delete(event, "body")
			event["isBase64Encoded"] = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.wants(request(t, func(event, headers map[string]any) {
				edit(event)
				headers[signatureHeader] = sign(key, timestamp, "")
			}), 200, "", "demo")
			if got := b.queued[0]; got.Body != "\n" || got.Attributes["encoding"] != "base64" {
				t.Errorf("queued %+v", got)
			}
		})
	}
}

func TestTooMuchBase64IsRefusedBeforeItIsRead(t *testing.T) {
	b := newBench(t)
	b.wants(request(t, func(event, _ map[string]any) {
		event["body"], event["isBase64Encoded"] = strings.Repeat("!", 1340), true
	}), 413, fault.TooLarge, "demo")
}

func TestTheAppComesFromThePath(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(event map[string]any)
		app  string
	}{
		"as a parameter":               {func(map[string]any) {}, "demo"},
		"without parameters":           {func(e map[string]any) { delete(e, "pathParameters") }, "demo"},
		"with null for parameters":     {func(e map[string]any) { e["pathParameters"] = nil }, "demo"},
		"with other parameters":        {func(e map[string]any) { e["pathParameters"] = map[string]any{"id": "x"} }, "demo"},
		"behind a stage's name":        {func(e map[string]any) { delete(e, "pathParameters"); e["rawPath"] = "/prod/purchasely/demo" }, "demo"},
		"in upper case":                {func(e map[string]any) { e["pathParameters"] = map[string]any{"app": "DEMO"} }, ""},
		"with a blank":                 {func(e map[string]any) { e["pathParameters"] = map[string]any{"app": "demo "} }, ""},
		"as a number":                  {func(e map[string]any) { e["pathParameters"] = map[string]any{"app": 7}; delete(e, "rawPath") }, ""},
		"of another route":             {func(e map[string]any) { delete(e, "pathParameters"); e["rawPath"] = "/demo" }, ""},
		"with something behind":        {func(e map[string]any) { delete(e, "pathParameters"); e["rawPath"] = "/purchasely/demo/x" }, ""},
		"nowhere":                      {func(e map[string]any) { clear(e) }, ""},
		"empty, which is in no file":   {func(e map[string]any) { e["pathParameters"] = map[string]any{"app": ""}; e["rawPath"] = "/purchasely/" }, ""},
		"as an app that is not listed": {func(e map[string]any) { e["pathParameters"] = map[string]any{"app": "demo2"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			payload := request(t, func(event, _ map[string]any) { c.edit(event) })
			if c.app == "" {
				b.wants(payload, 404, fault.UnknownApp, "unknown")
				return
			}
			b.wants(payload, 200, "", c.app)
		})
	}
}

func TestWhatIsNoHTTPEventIsAnUnknownApp(t *testing.T) {
	genuine := string(request(t, nil))
	for name, payload := range map[string]string{
		"nothing":               "",
		"null":                  "null",
		"a list":                "[]",
		"a text":                `"hello"`,
		"an empty object":       "{}",
		"an SQS event":          `{"Records":[{"body":"x"}]}`,
		"not JSON":              "\x00",
		"a list for headers":    `{"pathParameters":{"app":"demo"},"headers":[]}`,
		"a text for parameters": `{"pathParameters":"demo","rawPath":"/purchasely/demo"}`,
		"an event that was cut": genuine[:len(genuine)-1],
	} {
		t.Run(name, func(t *testing.T) {
			newBench(t).wants([]byte(payload), 404, fault.UnknownApp, "unknown")
		})
	}
}

func FuzzSignedBytesAreQueuedAndOthersRefused(f *testing.F) {
	for _, text := range []string{"", "{}", body, "\x00\xff", "\"\\\n", "\U0001F600", "\uFFFE"} {
		f.Add([]byte(text), uint16(3))
	}
	f.Fuzz(func(t *testing.T, sent []byte, at uint16) {
		if len(sent) > 1000 {
			return
		}
		b := newBench(t)
		b.wants(genuine(t, string(sent), true), 200, "", "demo")
		if got := decoded(t, b.queued[0]); got != string(sent) {
			t.Fatalf("queued %q", got)
		}
		if strings.ToValidUTF8(string(sent), "") == string(sent) {
			b := newBench(t)
			b.wants(genuine(t, string(sent), false), 200, "", "demo")
			if got := decoded(t, b.queued[0]); got != string(sent) {
				t.Fatalf("queued %q", got)
			}
		}
		if len(sent) == 0 {
			return
		}
		changed := bytes.Clone(sent)
		changed[int(at)%len(changed)] ^= 1
		newBench(t).wants(request(t, func(event, headers map[string]any) {
			event["body"], event["isBase64Encoded"] = base64.StdEncoding.EncodeToString(changed), true
			headers[signatureHeader] = sign(key, timestamp, string(sent))
		}), 401, fault.BadSignature, "demo")
	})
}

func FuzzAnyPayloadIsAnswered(f *testing.F) {
	f.Add([]byte(`{"pathParameters":{"app":"demo"},"headers":{"x-purchasely-timestamp":"\u12"},"body":"\ud83d\ude00\ud83d\n"}`))
	f.Add([]byte(`{"rawPath":"/purchasely/demo","isBase64Encoded":true,"body":"===="}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		b := newBench(t)
		if r := b.invoke(t.Context(), payload); r.Status != 404 && r.Status != 401 && r.Status != 413 {
			t.Fatalf("answered %d", r.Status)
		}
	})
}

func decoded(t *testing.T, e message.Encoded) string {
	t.Helper()
	m, err := message.Decode(e.Body, func(name string) string { return e.Attributes[name] })
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Body)
}
