package webhook_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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

func sign(key, timestamp, body string) string {
	return webhook.Sign(secret.New(key), timestamp, []byte(body))
}

func keys(t testing.TB, current, previous string) webhook.Keys {
	t.Helper()
	k, err := webhook.ParseKeys([]byte(`{"shared_secret":"` + current + `","previous_shared_secret":"` + previous + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignMakesTheDigestThatOpensslMakes(t *testing.T) {
	if got := sign(vectorSecret, vectorTimestamp, vectorBody); got != vectorDigest {
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
	const genuine, bad, stale, future = fault.Reason(""), fault.BadSignature, fault.Stale, fault.Future
	type d = delivery
	unkeyed := sign("", vectorTimestamp, vectorBody)
	// signed is the delivery with another timestamp, within a window of a minute.
	signed := func(timestamp string) func(*d) {
		return func(x *d) {
			x.timestamp, x.digest, x.tolerance = timestamp, sign(vectorSecret, timestamp, x.body), time.Minute
		}
	}
	// arriving is the delivery a while later, within a window of a minute.
	arriving := func(after time.Duration) func(*d) {
		return func(x *d) { x.tolerance, x.now = time.Minute, vectorTime.Add(after) }
	}
	// digest and body change nothing else.
	digest := func(text string) func(*d) { return func(x *d) { x.digest = text } }
	body := func(text string) func(*d) { return func(x *d) { x.body = text } }
	for name, c := range map[string]struct {
		want   fault.Reason
		change func(*d)
	}{
		"a delivery without a change":   {genuine, func(*d) {}},
		"the previous of two secrets":   {genuine, func(x *d) { x.keys = keys(t, "something-new", vectorSecret) }},
		"the current of two secrets":    {genuine, func(x *d) { x.keys = keys(t, vectorSecret, "something-old") }},
		"a body of no bytes":            {genuine, func(x *d) { x.body = ""; signed("1773474112")(x) }},
		"a word, without a window":      {genuine, func(x *d) { signed("yesterday")(x); x.tolerance = 0 }},
		"an old one without a window":   {genuine, func(x *d) { x.now = vectorTime.Add(20 * 24 * time.Hour) }},
		"the oldest edge of the window": {genuine, arriving(time.Minute)},
		"the newest edge of the window": {genuine, arriving(-time.Minute)},
		"milliseconds above 10^11":      {genuine, signed("1773474112000")},
		"another secret":                {bad, func(x *d) { x.keys = keys(t, "lantern-quartz-43", "") }},
		"no secret":                     {bad, func(x *d) { x.keys = webhook.Keys{}; x.digest = unkeyed }},
		"an empty previous secret":      {bad, digest(unkeyed)},
		"an empty digest":               {bad, digest("")},
		"an empty timestamp, signed":    {bad, signed("")},
		"an upper-case digest":          {bad, digest(strings.ToUpper(vectorDigest))},
		"a digest with a capital":       {bad, digest(strings.Replace(vectorDigest, "b", "B", 1))},
		"a digest cut short":            {bad, digest(vectorDigest[:63])},
		"a digest with a space":         {bad, digest(vectorDigest + " ")},
		"two digests with a comma":      {bad, digest(vectorDigest + "," + vectorDigest)},
		"the deprecated signature":      {bad, digest(sign(vectorSecret, vectorSecret, vectorTimestamp))},
		"a signature of the body":       {bad, digest(sign(vectorSecret, "", vectorBody))},
		"another timestamp":             {bad, func(x *d) { x.timestamp = "1773474113" }},
		"the same time with a space":    {bad, func(x *d) { x.timestamp = "1773474112 " }},
		"a body without its space":      {bad, body(strings.Replace(vectorBody, ": ", ":", 1))},
		"a body with an escape":         {bad, body(strings.Replace(vectorBody, "é", `\u00e9`, 1))},
		"a body with one more byte":     {bad, body(vectorBody + "\n")},
		"a bad signature, too late":     {bad, func(x *d) { arriving(time.Hour)(x); x.digest = "00" }},
		"one second too late":           {stale, arriving(61 * time.Second)},
		"one second too early":          {future, arriving(-61 * time.Second)},
		"one millisecond too late":      {stale, signed("1773474051999")},
		"10^11 s, in the year 5138":     {future, signed("100000000000")},
		"10^11 and one ms, in 1973":     {stale, signed("100000000001")},
		"the largest number":            {future, signed("9223372036854775807")},
		"a number beyond 63 bits":       {stale, signed("9223372036854775808")},
		"a word":                        {stale, signed("now")},
		"a word for no number":          {stale, signed("NaN")},
		"two timestamps in one":         {stale, signed("1773474112,1773474112")},
	} {
		t.Run(name, func(t *testing.T) {
			x := d{keys(t, vectorSecret, ""), vectorTimestamp, vectorDigest, vectorBody, 0, vectorTime}
			c.change(&x)
			err := x.keys.Verify(x.timestamp, x.digest, []byte(x.body), x.tolerance, x.now)
			if c.want == genuine {
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

func TestParseKeys(t *testing.T) {
	for name, c := range map[string]struct {
		text        string
		good, wrong []string // secrets that verify and that do not
	}{
		"one secret":             {`{"shared_secret":"a"}`, []string{"a"}, []string{"b", ""}},
		"two secrets":            {`{"shared_secret":"a","previous_shared_secret":"b"}`, []string{"a", "b"}, nil},
		"a null previous secret": {`{"shared_secret":"a","previous_shared_secret":null}`, []string{"a"}, []string{""}},
		"unknown keys":           {`{"note":{"x":[1]},"shared_secret":"a"}`, []string{"a"}, nil},
		"of equal keys the last": {`{"shared_secret":"a","shared_secret":"b"}`, []string{"b"}, []string{"a"}},
		"an escaped secret":      {`{"shared_secret":"\u0061\nb"}`, []string{"a\nb"}, nil},
		"a pasted newline": {
			`{"shared_secret":"a\n","previous_shared_secret":"\u00a0b \r\n"}`, []string{"a", "b"},
			[]string{"a\n", "\u00a0b \r\n"},
		},
		"quotation marks may belong to it": {`{"shared_secret":"\"a\""}`, []string{`"a"`}, []string{"a"}},
		"blanks alone are missing":         {`{"shared_secret":" \n"}`, nil, nil},
		"an empty one is missing":          {`{"shared_secret":""}`, nil, nil},
		"another case is missing":          {`{"Shared_Secret":"a"}`, nil, nil},
		"a number":                         {`{"shared_secret":12}`, nil, nil},
		"a previous secret of 1":           {`{"shared_secret":"a","previous_shared_secret":1}`, nil, nil},
		"plain text":                       {`hunter2`, nil, nil},
		"text after the object":            {`{"shared_secret":"a"} x`, nil, nil},
		"nothing":                          {``, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := webhook.ParseKeys([]byte(c.text))
			if c.good == nil {
				problem := "JSON object"
				if strings.HasSuffix(name, " missing") {
					problem = "missing or empty"
				}
				f, ok := errors.AsType[*fault.Fault](err)
				if !ok || f.Kind != fault.Operator || f.Reason != fault.Secret || !strings.Contains(err.Error(), problem) {
					t.Fatalf("error is %v, want a fault of the secret about %q", err, problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range append(c.good, c.wrong...) {
				err := k.Verify("1", sign(key, "1", "body"), []byte("body"), 0, time.Time{})
				if good := slices.Contains(c.good, key); (err == nil) != good {
					t.Errorf("%q verifies: %v, want %v", key, err == nil, good)
				}
			}
		})
	}
}

func TestARefusalSaysWhy(t *testing.T) {
	const plain = `{"shared_secret":"a","previous_shared_secret":"b"}`
	const quoted = `{"shared_secret":"a","previous_shared_secret":"'b'"}`
	now := time.Unix(10_000, 0)
	for want, c := range map[string]struct{ keys, timestamp, signer string }{
		"bad_signature: signature matches no secret":                                      {plain, "10000", "c"},
		"bad_signature: signature matches no secret, of which one is in quotation marks":  {quoted, "10000", "c"},
		"stale: timestamp is not a number":                                                {plain, "soon", "a"},
		"stale: timestamp is 1h0m0s old, more than the tolerance of 5m0s":                 {plain, "6400", "a"},
		"future: timestamp is 1h0m0s ahead of our clock, more than the tolerance of 5m0s": {plain, "13600", "b"},
	} {
		k, err := webhook.ParseKeys([]byte(c.keys))
		if err != nil {
			t.Fatal(err)
		}
		err = k.Verify(c.timestamp, sign(c.signer, c.timestamp, "body"), []byte("body"), 5*time.Minute, now)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSecretsNeverShow(t *testing.T) {
	const plain, older = "open-sesame-1", "open-sesame-0"
	var seen bytes.Buffer
	show := func(what any) {
		fmt.Fprintf(&seen, "%v %+v %#v %s %q\n", what, what, what, what, what)
		slog.New(slog.NewJSONHandler(&seen, nil)).Info("shown", "what", what, "inside", map[string]any{"what": what})
		slog.New(slog.NewTextHandler(&seen, nil)).Info("shown", "what", what, "inside", struct{ What any }{what})
	}
	for _, text := range []string{
		plain, `"` + plain + `"`, `["` + plain + `"]`, `{"shared_secret":["` + plain + `"]}`,
		`{"shared_secret":"` + plain, `{"shared_secret":"` + plain + `"} ` + plain,
		`{"shared_secret":"` + plain + "\xff\"}", `{"shared_secret":"\ud800` + plain + `"}`,
		`{"` + plain + `":1,"shared_secret":""}`, `{"previous_shared_secret":"` + plain + `"}`,
		`{"shared_secret":"a","previous_shared_secret":{"` + plain + `":1}}`,
	} {
		_, err := webhook.ParseKeys([]byte(text))
		if err == nil {
			t.Fatalf("%d bytes are accepted as keys", len(text))
		}
		show(err)
	}
	k := keys(t, plain, older)
	for _, what := range []any{
		k, &k, struct{ Keys webhook.Keys }{k},
		k.Verify("", "", nil, 0, vectorTime), k.Verify("1", plain, []byte(plain), 0, vectorTime),
		k.Verify(plain, sign(plain, plain, ""), nil, 1, vectorTime),
		k.Verify("1", sign(older, "1", ""), nil, 1, vectorTime),
	} {
		show(what)
	}
	if at := strings.Index(seen.String(), "sesame"); at >= 0 {
		t.Errorf("a secret shows: …%.99s…", seen.String()[max(0, at-60):])
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("lantern", "1773474112", []byte(vectorBody), 3, byte(1))
	f.Add("x", "0", []byte{}, 70, byte(0x20))
	f.Fuzz(func(t *testing.T, key, timestamp string, body []byte, at int, change byte) {
		key = secret.Trim(key)
		quoted, err := jsontext.AppendQuote(nil, key)
		if err != nil || key == "" || timestamp == "" || change == 0 {
			return
		}
		k, err := webhook.ParseKeys([]byte(`{"shared_secret":` + string(quoted) + `}`))
		if err != nil {
			t.Fatal(err)
		}
		digest := webhook.Sign(secret.New(key), timestamp, body)
		if err := k.Verify(timestamp, digest, body, 0, vectorTime); err != nil {
			t.Fatalf("a genuine delivery is refused: %v", err)
		}
		// One byte of the digest, the timestamp or the body is changed, wherever at points to.
		whole := []byte(digest + timestamp + string(body))
		whole[max(at, -(at+1))%len(whole)] ^= change
		digest, timestamp = string(whole[:64]), string(whole[64:64+len(timestamp)])
		if k.Verify(timestamp, digest, whole[64+len(timestamp):], 0, vectorTime) == nil {
			t.Fatal("a changed delivery is accepted")
		}
	})
}
