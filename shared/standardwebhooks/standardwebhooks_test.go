package standardwebhooks_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// One request signed with openssl, so that signing and verifying cannot drift together:
//
//	printf '%s' 'msg_1.1793620800.{"links":[]}' |
//	  openssl dgst -sha256 -hmac '0123456789abcdef0123456789abcdef' -binary | base64
const (
	vectorKey       = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	vectorID        = "msg_1"
	vectorTimestamp = "1793620800"
	vectorBody      = `{"links":[]}`
	vectorSignature = "v1,VgqxkY7O+JsYIsHnzAgW7k+Grnyrw3HlelRUXpT2bI4="
)

const otherKey = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIz"

func keys(t testing.TB, current, previous string) standardwebhooks.Keys {
	t.Helper()
	k, err := standardwebhooks.ParseKeys(fmt.Appendf(nil, `{"signing_secret":%q,"previous_signing_secret":%q}`, current,
		previous))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestARequestIsAcceptedOnlyAsItWasSigned(t *testing.T) {
	type request struct{ id, timestamp, signatures, body string }
	genuine := request{vectorID, vectorTimestamp, vectorSignature, vectorBody}
	now := time.Unix(1793620800, 0)
	for name, test := range map[string]struct {
		change func(r *request)
		keys   standardwebhooks.Keys
		after  time.Duration
		want   fault.Reason // empty: accepted
	}{
		"unchanged":                       {want: ""},
		"with the previous key":           {keys: keys(t, otherKey, vectorKey), want: ""},
		"with white space around the key": {keys: keys(t, " "+vectorKey+"\n", ""), want: ""},
		"another id":                      {change: func(r *request) { r.id = "msg_2" }, want: fault.BadSignature},
		"another timestamp": {
			change: func(r *request) { r.timestamp = "1793620801" }, want: fault.BadSignature,
		},
		"without an id":       {change: func(r *request) { r.id = "" }, want: fault.BadSignature},
		"without a signature": {change: func(r *request) { r.signatures = "" }, want: fault.BadSignature},
		"of another version": {
			change: func(r *request) { r.signatures = "v2" + r.signatures[2:] }, want: fault.BadSignature,
		},
		"not base64": {
			change: func(r *request) { r.signatures = "v1,%%%" }, want: fault.BadSignature,
		},
		"the second of two signatures": {
			change: func(r *request) { r.signatures = "v1,QUJD " + r.signatures }, want: "",
		},
		"the first of two signatures": {change: func(r *request) { r.signatures += " v1a,QUJD" }, want: ""},
		"behind more signatures than allowed": {
			change: func(r *request) { r.signatures = strings.Repeat("v1,QUJD ", 16) + r.signatures }, want: fault.BadSignature,
		},
		"five minutes late":               {after: 5 * time.Minute, want: ""},
		"later than five minutes":         {after: 5*time.Minute + time.Second, want: fault.Stale},
		"five minutes ahead":              {after: -5 * time.Minute, want: ""},
		"further ahead than five minutes": {after: -5*time.Minute - time.Second, want: fault.Future},
	} {
		t.Run(name, func(t *testing.T) {
			r := genuine
			if test.change != nil {
				test.change(&r)
			}
			k := test.keys
			if k == (standardwebhooks.Keys{}) {
				k = keys(t, vectorKey, "")
			}
			err := k.Verify(r.id, r.timestamp, r.signatures, []byte(r.body), now.Add(test.after))
			var reason fault.Reason
			if err != nil {
				reason = fault.Of(err).Reason
			}
			if reason != test.want {
				t.Errorf("refused for %q, want %q", reason, test.want)
			}
		})
	}
}

func TestATimestampThatIsNoNumberIsStaleHoweverItIsSigned(t *testing.T) {
	k, at := keys(t, vectorKey, ""), time.Unix(1, 0)
	for _, timestamp := range []string{"soon", "1.5", "99999999999999999999", " 1"} {
		signature := k.Sign("a."+timestamp, at, []byte("{}")) // of the same text: the id holds what follows it
		if f := fault.Of(k.Verify("a", timestamp, signature, []byte("1.{}"), at)); f == nil || f.Reason != fault.Stale {
			t.Errorf("timestamp %q: %v", timestamp, f)
		}
	}
}

func TestWithoutAKeyNothingIsAccepted(t *testing.T) {
	none, at := standardwebhooks.Keys{}, time.Unix(1793620800, 0)
	signature := none.Sign(vectorID, at, []byte(vectorBody))
	if none.Verify(vectorID, vectorTimestamp, signature, []byte(vectorBody), at) == nil {
		t.Error("what is signed with an empty key is accepted")
	}
}

func TestKeysThatAreNoneAreRefusedWithoutBeingQuoted(t *testing.T) {
	short := "whsec_" + base64.StdEncoding.EncodeToString([]byte("twenty-three-bytes-here"))
	long := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 65)))
	for name, text := range map[string]string{
		"not JSON":              `private-text`,
		"a number":              `{"signing_secret":123456}`,
		"nothing in it":         `{}`,
		"without the prefix":    `{"signing_secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}`,
		"not base64":            `{"signing_secret":"whsec_private-text"}`,
		"too short":             fmt.Sprintf(`{"signing_secret":%q}`, short),
		"too long":              fmt.Sprintf(`{"signing_secret":%q}`, long),
		"a faulty previous one": fmt.Sprintf(`{"signing_secret":%q,"previous_signing_secret":"private-text"}`, vectorKey),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := standardwebhooks.ParseKeys([]byte(text))
			if err == nil || fault.Of(err).Kind != fault.Operator || fault.Of(err).Reason != fault.Secret {
				t.Fatalf("error %v", err)
			}
			if errors.Is(err, standardwebhooks.ErrNoKey) != (text == "{}") { // the relay does without one
				t.Errorf("a key is missing: %v", err)
			}
			if strings.Contains(err.Error(), "private") || strings.Contains(err.Error(), "123456") {
				t.Errorf("the error quotes the secret: %v", err)
			}
		})
	}
}

func TestAKeyIsNeverPrinted(t *testing.T) {
	k := keys(t, vectorKey, otherKey)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, raw := range []string{"0123456789abcdef", "MDEyMzQ1Njc4", "abcdefghijklmnop",
			fmt.Sprintf("%x", "0123456789abcdef")} {
			if text := fmt.Sprintf(format, k); strings.Contains(text, raw) {
				t.Errorf("%s prints %s", format, text)
			}
		}
	}
}

func TestWhatIsSignedVerifiesAndNothingElseDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "key")
		key, err := standardwebhooks.ParseKey(secret.New("whsec_" + base64.StdEncoding.EncodeToString(raw)))
		if err != nil {
			t.Fatal(err)
		}
		k := standardwebhooks.Keys{Current: key}
		id := rapid.StringMatching(`[ -~]{1,40}`).Draw(t, "id")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		at := time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "at"), 0)
		timestamp, signature := fmt.Sprint(at.Unix()), k.Sign(id, at, body)
		if err := k.Verify(id, timestamp, signature, body, at); err != nil {
			t.Fatal(err)
		}
		other := append([]byte("x"), body...)
		if k.Verify(id, timestamp, signature, other, at) == nil {
			t.Fatal("another body was accepted")
		}
	})
}
