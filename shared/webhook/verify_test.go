package webhook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The vector was computed with openssl, so that Sign and Verify cannot drift together.
const (
	vectorSecret    = "lantern-quartz-42"
	vectorTimestamp = "1773474112"
	vectorBody      = `{"event_name": "ACTIVATE","user_id":"rosée-7"}`
	vectorDigest    = "53bc924e9acb1fd59c7b815628fa5bd31cdbda3b0d8ad2b2f96ab1e40de0af0e"
)

var vectorTime = time.Unix(1773474112, 0)

func keys(t testing.TB, current, previous string) webhook.Keys {
	t.Helper()
	k, err := webhook.ParseKeys([]byte(`{"shared_secret":"` + current + `","previous_shared_secret":"` + previous + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignMakesTheDigestThatOpensslMakes(t *testing.T) {
	if got := webhook.Sign(secret.New(vectorSecret), vectorTimestamp, []byte(vectorBody)); got != vectorDigest {
		t.Errorf("digest is %s, want %s", got, vectorDigest)
	}
}

// delivery is a genuine webhook, to which each case makes one change.
type delivery struct {
	keys              webhook.Keys
	timestamp, digest string
	body              string
	tolerance         time.Duration
	now               time.Time
}

func TestVerify(t *testing.T) {
	sign := func(key, timestamp, body string) string {
		return webhook.Sign(secret.New(key), timestamp, []byte(body))
	}
	stamp := func(d *delivery, timestamp string) {
		d.timestamp, d.digest, d.tolerance = timestamp, sign(vectorSecret, timestamp, d.body), time.Minute
	}
	cases := map[string]struct {
		change func(*delivery)
		want   fault.Reason // "": genuine
	}{
		"a genuine delivery counts": {change: func(*delivery) {}},
		"the previous secret counts during a rotation": {change: func(d *delivery) {
			d.keys = keys(t, "something-new", vectorSecret)
		}},
		"the current secret counts during a rotation": {change: func(d *delivery) {
			d.keys = keys(t, vectorSecret, "something-old")
		}},
		"a body of no bytes counts": {change: func(d *delivery) {
			d.body, d.digest = "", sign(vectorSecret, vectorTimestamp, "")
		}},
		"a timestamp that is no number counts while the window is off": {change: func(d *delivery) {
			stamp(d, "yesterday")
			d.tolerance = 0
		}},
		"without a window an old delivery counts": {change: func(d *delivery) {
			d.now = vectorTime.Add(20 * 24 * time.Hour)
		}},
		"the oldest edge of the window counts": {change: func(d *delivery) {
			d.tolerance, d.now = time.Minute, vectorTime.Add(time.Minute)
		}},
		"the newest edge of the window counts": {change: func(d *delivery) {
			d.tolerance, d.now = time.Minute, vectorTime.Add(-time.Minute)
		}},
		"milliseconds count above 10^11": {change: func(d *delivery) { stamp(d, "1773474112000") }},

		"another secret does not count": {
			change: func(d *delivery) { d.keys = keys(t, "lantern-quartz-43", "") }, want: fault.BadSignature,
		},
		"keys without a secret verify nothing": {
			change: func(d *delivery) { d.keys, d.digest = webhook.Keys{}, sign("", vectorTimestamp, d.body) }, want: fault.BadSignature,
		},
		"an empty previous secret verifies nothing": {
			change: func(d *delivery) { d.digest = sign("", vectorTimestamp, d.body) }, want: fault.BadSignature,
		},
		"an empty digest does not count": {change: func(d *delivery) { d.digest = "" }, want: fault.BadSignature},
		"an empty timestamp does not count, even signed": {
			change: func(d *delivery) { d.timestamp, d.digest = "", sign(vectorSecret, "", d.body) }, want: fault.BadSignature,
		},
		"an upper-case digest does not count": {
			change: func(d *delivery) { d.digest = strings.ToUpper(d.digest) }, want: fault.BadSignature,
		},
		"a digest with one letter in upper case does not count": {
			change: func(d *delivery) { d.digest = strings.Replace(d.digest, "b", "B", 1) }, want: fault.BadSignature,
		},
		"a digest that is cut short does not count": {
			change: func(d *delivery) { d.digest = d.digest[:63] }, want: fault.BadSignature,
		},
		"a digest with a blank behind it does not count": {
			change: func(d *delivery) { d.digest += " " }, want: fault.BadSignature,
		},
		"two digests joined by a comma do not count": {
			change: func(d *delivery) { d.digest += "," + d.digest }, want: fault.BadSignature,
		},
		"the deprecated signature of secret and timestamp does not count": {
			change: func(d *delivery) { d.digest = sign(vectorSecret, vectorSecret, vectorTimestamp) }, want: fault.BadSignature,
		},
		"a signature of the body alone does not count": {
			change: func(d *delivery) { d.digest = sign(vectorSecret, "", d.body) }, want: fault.BadSignature,
		},
		"another timestamp does not count": {
			change: func(d *delivery) { d.timestamp = "1773474113" }, want: fault.BadSignature,
		},
		"the same time written differently does not count": {
			change: func(d *delivery) { d.timestamp = "1773474112 " }, want: fault.BadSignature,
		},
		"a body without its blank does not count": {
			change: func(d *delivery) { d.body = strings.Replace(d.body, ": ", ":", 1) }, want: fault.BadSignature,
		},
		"a body with its accent escaped does not count": {
			change: func(d *delivery) { d.body = strings.Replace(d.body, "é", `\u00e9`, 1) }, want: fault.BadSignature,
		},
		"a body with one byte more does not count": {
			change: func(d *delivery) { d.body += "\n" }, want: fault.BadSignature,
		},
		"one second beyond the window is stale": {
			change: func(d *delivery) { d.tolerance, d.now = time.Minute, vectorTime.Add(61*time.Second) }, want: fault.Stale,
		},
		"one second before the window is the future": {
			change: func(d *delivery) { d.tolerance, d.now = time.Minute, vectorTime.Add(-61*time.Second) }, want: fault.Future,
		},
		"one millisecond beyond the window is stale": {change: func(d *delivery) {
			stamp(d, "1773474112000")
			d.now = vectorTime.Add(time.Minute + time.Millisecond)
		}, want: fault.Stale},
		"10^11 is still seconds, in the year 5138": {
			change: func(d *delivery) { stamp(d, "100000000000") }, want: fault.Future,
		},
		"above 10^11 it is milliseconds, in the year 1973": {
			change: func(d *delivery) { stamp(d, "100000000001") }, want: fault.Stale,
		},
		"the largest number is the future": {
			change: func(d *delivery) { stamp(d, "9223372036854775807") }, want: fault.Future,
		},
		"a number beyond 63 bits is stale": {change: func(d *delivery) { stamp(d, "9223372036854775808") }, want: fault.Stale},
		"a fraction is stale":              {change: func(d *delivery) { stamp(d, "1773474112.5") }, want: fault.Stale},
		"a sign is stale":                  {change: func(d *delivery) { stamp(d, "+1773474112") }, want: fault.Stale},
		"a word is stale":                  {change: func(d *delivery) { stamp(d, "now") }, want: fault.Stale},
		"two timestamps in one are stale":  {change: func(d *delivery) { stamp(d, "1773474112,1773474112") }, want: fault.Stale},
		"the signature goes before the clock": {change: func(d *delivery) {
			d.tolerance, d.now, d.digest = time.Minute, vectorTime.Add(time.Hour), strings.Repeat("0", 64)
		}, want: fault.BadSignature},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := delivery{keys(t, vectorSecret, ""), vectorTimestamp, vectorDigest, vectorBody, 0, vectorTime}
			c.change(&d)
			err := d.keys.Verify(d.timestamp, d.digest, []byte(d.body), d.tolerance, d.now)
			if c.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			f, ok := errors.AsType[*fault.Fault](err)
			if !ok || f.Kind != fault.Reject || f.Reason != c.want {
				t.Fatalf("error is %v, want a reject of reason %s", err, c.want)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("lantern", "1773474112", []byte(vectorBody), 3, byte(1))
	f.Add("x", "0", []byte{}, 70, byte(0x20))
	f.Fuzz(func(t *testing.T, key, timestamp string, body []byte, at int, change byte) {
		if key == "" || timestamp == "" || change == 0 {
			return
		}
		k := secret.New(key)
		parsed, err := webhook.ParseKeys([]byte(`{"shared_secret":` + quote(key) + `}`))
		if err != nil {
			return // not a text that JSON can hold
		}
		digest := webhook.Sign(k, timestamp, body)
		if err := parsed.Verify(timestamp, digest, body, 0, vectorTime); err != nil {
			t.Fatalf("a genuine delivery is refused: %v", err)
		}
		// One byte of the digest, the timestamp or the body is changed, wherever at points to.
		whole := []byte(digest + timestamp + string(body))
		whole[max(at, -(at+1))%len(whole)] ^= change
		digest, timestamp = string(whole[:64]), string(whole[64:64+len(timestamp)])
		if parsed.Verify(timestamp, digest, whole[64+len(timestamp):], 0, vectorTime) == nil {
			t.Fatal("a changed delivery counts")
		}
	})
}
