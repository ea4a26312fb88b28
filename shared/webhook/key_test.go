package webhook_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func quote(s string) string {
	quoted, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return `""`
	}
	return string(quoted)
}

func TestParseKeys(t *testing.T) {
	cases := map[string]struct {
		text           string
		wants, doesNot []string // secrets that count and that do not
		refusedBecause string
	}{
		"one secret":                         {text: `{"shared_secret":"a"}`, wants: []string{"a"}, doesNot: []string{"b", ""}},
		"a secret and its predecessor":       {text: `{"shared_secret":"a","previous_shared_secret":"b"}`, wants: []string{"a", "b"}},
		"an empty predecessor is none":       {text: `{"shared_secret":"a","previous_shared_secret":""}`, wants: []string{"a"}, doesNot: []string{""}},
		"a predecessor of null is none":      {text: `{"shared_secret":"a","previous_shared_secret":null}`, wants: []string{"a"}, doesNot: []string{"", "null"}},
		"unknown keys are ignored":           {text: `{"note":{"x":[1]},"shared_secret":"a"}`, wants: []string{"a"}},
		"of equal keys the last counts":      {text: `{"shared_secret":"a","shared_secret":"b"}`, wants: []string{"b"}, doesNot: []string{"a"}},
		"an escaped secret is unescaped":     {text: `{"shared_secret":"\u0061\n"}`, wants: []string{"a\n"}},
		"white space around is fine":         {text: " {\"shared_secret\":\"a\"}\n", wants: []string{"a"}},
		"no secret is a fault":               {text: `{}`, refusedBecause: "missing"},
		"an empty secret is a fault":         {text: `{"shared_secret":""}`, refusedBecause: "empty"},
		"a secret of null is a fault":        {text: `{"shared_secret":null}`, refusedBecause: "missing"},
		"only a predecessor is a fault":      {text: `{"previous_shared_secret":"a"}`, refusedBecause: "missing"},
		"another case of the name is none":   {text: `{"Shared_Secret":"a"}`, refusedBecause: "missing"},
		"a number is a fault":                {text: `{"shared_secret":12}`, refusedBecause: "JSON"},
		"a predecessor of number is a fault": {text: `{"shared_secret":"a","previous_shared_secret":1}`, refusedBecause: "JSON"},
		"plain text is a fault":              {text: `hunter2`, refusedBecause: "JSON"},
		"a list is a fault":                  {text: `["a"]`, refusedBecause: "JSON"},
		"text behind the object is a fault":  {text: `{"shared_secret":"a"} x`, refusedBecause: "JSON"},
		"nothing is a fault":                 {text: ``, refusedBecause: "JSON"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := webhook.ParseKeys([]byte(c.text))
			if c.refusedBecause != "" {
				f, ok := errors.AsType[*fault.Fault](err)
				if !ok || f.Kind != fault.Operator || f.Reason != fault.Secret || !strings.Contains(err.Error(), c.refusedBecause) {
					t.Fatalf("error is %v, want an operator's, of reason secret, about %q", err, c.refusedBecause)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			verify := func(key string) error {
				return k.Verify("1", webhook.Sign(secret.New(key), "1", []byte("body")), []byte("body"), 0, time.Time{})
			}
			for _, key := range c.wants {
				if verify(key) != nil {
					t.Errorf("%q does not count", key)
				}
			}
			for _, key := range c.doesNot {
				if verify(key) == nil {
					t.Errorf("%q counts", key)
				}
			}
		})
	}
}

func TestNoRoadLeadsToTheSecret(t *testing.T) {
	const plain, older = "open-sesame-1", "open-sesame-0"
	var seen bytes.Buffer
	show := func(what any) {
		fmt.Fprintf(&seen, "%v %+v %#v %s %q\n", what, what, what, what, what)
		slog.New(slog.NewJSONHandler(&seen, nil)).Info("shown", "what", what, "inside", map[string]any{"what": what})
		slog.New(slog.NewTextHandler(&seen, nil)).Info("shown", "what", what, "inside", struct{ What any }{what})
	}
	for _, text := range []string{
		plain, `"` + plain + `"`, `["` + plain + `"]`, `{"shared_secret":["` + plain + `"]}`, `{"shared_secret":"` + plain,
		`{"shared_secret":"` + plain + `"} ` + plain, `{"shared_secret":"` + plain + "\xff\"}", `{"shared_secret":"\ud800` + plain + `"}`,
		`{"` + plain + `":1,"shared_secret":""}`, `{"previous_shared_secret":"` + plain + `"}`, `{"shared_secret":"a","previous_shared_secret":{"` + plain + `":1}}`,
	} {
		_, err := webhook.ParseKeys([]byte(text))
		if err == nil {
			t.Fatalf("%d bytes are taken for keys", len(text))
		}
		show(err)
	}
	k := keys(t, plain, older)
	show(k)
	show(&k)
	show(struct{ Keys webhook.Keys }{k})
	show(k.Verify("", "", nil, 0, vectorTime))
	show(k.Verify("1", plain, []byte(plain), 0, vectorTime))
	show(k.Verify(plain, webhook.Sign(secret.New(plain), plain, nil), nil, time.Second, vectorTime))
	show(k.Verify("1", webhook.Sign(secret.New(older), "1", nil), nil, time.Second, vectorTime))
	for _, word := range []string{plain, older, "sesame"} {
		if at := strings.Index(seen.String(), word); at >= 0 {
			t.Errorf("%q shows: …%s…", word, seen.String()[max(0, at-60):at+len(word)])
		}
	}
}
