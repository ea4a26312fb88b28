//go:build blackbox

package main_test

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// verify is a back end's check as Purchasely documents it, in five lines.
func verify(r request) bool {
	signature := r.header.Get("X-PURCHASELY-REQUEST-SIGNATURE")
	return hmac.Equal([]byte(signature), []byte(sign(r.header.Get("X-PURCHASELY-TIMESTAMP"), r.body)))
}

func TestABackEndThatVerifiesAsPurchaselySaysTakesEveryWebhookUnchanged(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{false, true} {
		s := start(t, https, nil)
		bodies := []string{
			activate("7", "e-1"), "", "\x00\xff\r\n", "{\n  \"a\": \"\u2028\\u00e9\"\n}\n", strings.Repeat("\xff", 262144),
		}
		for i, body := range bodies {
			s.send("demo", fmt.Sprint(i), body)
		}
		if b := s.invoke(); len(b.back) != 0 || len(b.received) != len(bodies) {
			t.Errorf("%q of %d come back", b.back, len(b.received))
		}
		var got []string
		for _, r := range s.backEnd.got() {
			if !verify(r) {
				t.Errorf("the signature of %.40q is not right", r.body)
			}
			got = append(got, r.body)
		}
		slices.Sort(got)
		slices.Sort(bodies)
		if diff := cmp.Diff(bodies, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := s.count("demo", "RelayDelivered"); n != len(bodies) {
			t.Errorf("%d counted as delivered", n)
		}
	}
}

func TestARequestHasTheHeadersThatArePromised(t *testing.T) {
	t.Parallel()
	s := start(t, true, nil)
	s.backEnd.answers(fail(http.StatusServiceUnavailable))
	s.send("demo", "7", activate("7", "e-1"))
	s.invoke()
	s.invoke()
	requests := s.backEnd.got()
	if len(requests) != 2 {
		t.Fatalf("%d requests", len(requests))
	}
	for i, r := range requests {
		if r.method != "POST" || r.path != "/hook?token="+token || r.body != activate("7", "e-1") {
			t.Errorf("request %+v", r)
		}
		received := r.header.Get("Bridge-Received-At")
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(received) {
			t.Errorf("received at %q", received)
		}
		want := http.Header{
			"Content-Type": {"application/json"}, "User-Agent": {"purchasely-clevertap-bridge"},
			"X-Purchasely-Timestamp": {timestamp}, "X-Purchasely-Request-Signature": {sign(timestamp, r.body)},
			"Bridge-Attempt": {fmt.Sprint(i + 1)}, "Bridge-Received-At": {received},
			"Content-Length": {fmt.Sprint(len(r.body))},
		}
		if diff := cmp.Diff(want, r.header); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func key(letter string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
}

// What the secret holds decides whether requests are signed by the bridge too, and whether there are any.
func TestTheSecretDecidesAboutStandardWebhooks(t *testing.T) {
	t.Parallel()
	const name = prefix + "/demo/relay"
	one := `{"signing_secret":"` + key("a") + `"}`
	for what, c := range map[string]struct {
		text     string // of the secret; empty: there is none
		fault    awstest.Fault
		signed   string // by which keys
		comeBack bool
	}{
		"there is none":           {},
		"an object without a key": {text: `{}`},
		"two keys, during a rotation": {
			text:   `{"signing_secret":"` + key("a") + `","previous_signing_secret":"` + key("b") + `"}`,
			signed: "ab",
		},
		"a key that is none": {text: `{"signing_secret":"MDEy"}`, comeBack: true},
		"forbidden":          {text: one, fault: awstest.Fault{Status: 400, Code: "AccessDeniedException"}, comeBack: true},
		"throttled once": {
			text: one, fault: awstest.Fault{Status: 400, Code: "ThrottlingException", Times: 1}, signed: "a",
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := start(t, false, nil)
			if c.text != "" {
				s.aws.Secrets.Put(name, c.text)
			}
			if c.fault != (awstest.Fault{}) {
				s.aws.Secrets.Inject(c.fault)
			}
			s.send("demo", "7", activate("7", "e-1"))
			s.send("other", "7", "not JSON")
			b, requests := s.invoke(), s.backEnd.got()
			if (slices.Contains(b.back, "e-1")) != c.comeBack || len(requests) == 0 != c.comeBack {
				t.Fatalf("%q come back, %d requests", b.back, len(requests))
			}
			if !c.comeBack {
				checkSigned(t, requests[0], c.signed)
			}
		})
	}
}

// checkSigned checks by which keys a request is signed.
func checkSigned(t *testing.T, r request, want string) {
	t.Helper()
	id, at := r.header.Get("webhook-id"), r.header.Get("webhook-timestamp")
	signatures, by := r.header.Get("webhook-signature"), ""
	for _, letter := range []string{"a", "b"} {
		keys, err := standardwebhooks.ParseKeys([]byte(`{"signing_secret":"` + key(letter) + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		if keys.Verify(id, at, signatures, []byte(r.body), time.Now()) == nil {
			by += letter
		}
	}
	if by != want || len(strings.Fields(signatures)) != len(want) || want != "" && len(id) != 64 {
		t.Errorf("signed by %q, want %q: id %s, %s", by, want, id, signatures)
	}
	if !verify(r) {
		t.Error("Purchasely's own signature is not right any more")
	}
}

// The secret is read once, also where there is none: a price of five cents for 10,000 reads. Connections are kept.
func TestSecretsAreReadOnceAndConnectionsKept(t *testing.T) {
	t.Parallel()
	s := start(t, false, nil)
	connections := map[string]bool{}
	for i := range 10 {
		s.send("demo", "7", activate("7", fmt.Sprint("e-", i)))
		s.invoke()
		connections[s.backEnd.got()[i].from] = true
	}
	if n := s.aws.Secrets.Calls("GetSecretValue"); n != 1 || len(connections) != 1 {
		t.Errorf("%d reads of the secret, %d connections", n, len(connections))
	}
}

func TestOnlyWhatTheFileWantsIsRelayed(t *testing.T) {
	t.Parallel()
	s := start(t, false, nil)
	s.send("demo", "1", activate("1", "wanted"))
	s.send("off", "2", activate("2", "of an app that is off for CleverTap"))
	s.send("some", "3", activate("3", "of an event that is listed"))
	s.send("some", "4", `{"event_name":"DEACTIVATE","event_id":"of an event that is not"}`)
	s.send("none", "5", activate("5", "of an app without a back end"))
	s.send("gone", "6", activate("6", "of an app that is gone"))
	if b := s.invoke(); len(b.back) != 0 || len(s.queue.Messages()) != 0 {
		t.Errorf("%q come back", b.back)
	}
	got := s.backEnd.ids()
	slices.Sort(got)
	want := []string{"of an app that is off for CleverTap", "of an event that is listed", "wanted"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("relayed (-want +got):\n%s", diff)
	}
	for app, want := range map[string]int{"some": 1, "none": 1, "unknown": 1, "demo": 0} {
		if n := s.count(app, "RelaySkipped"); n != want {
			t.Errorf("%d of %s counted as skipped, want %d", n, app, want)
		}
	}
}

// fail answers with a status and a body that must not be logged.
func fail(status int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "private answer")
	}
}
