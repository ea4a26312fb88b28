package clevertap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// Whatever goes wrong, nothing that can be printed shows the passcode, the address, a header, a body, an identity or
// the vendor's words.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	vendor := `"error":"words about reader-0 and passcode-77"`
	refusal := func(code string) *answer {
		return respond(200, `{"status":"fail","processed":0,"unprocessed":[{"code":`+code+`,`+vendor+`}]}`)
	}
	failures := map[string]*answer{
		"success":                  respond(200, `{"status":"success","processed":1}`),
		"no answer":                {hangs: true},
		"a connection that breaks": {err: errors.New("Post https://in1.api.clevertap.com: passcode-77")},
		"a panic":                  {panics: true},
		"HTML":                     respond(200, "<p>reader-0 passcode-77"),
		"JSON cut off":             respond(200, `{"status":"passcode-77`),
		"a short answer":           respond(200, `{"status":"fail",`+vendor+`}`),
		"a permanent code":         refusal(`513`),
		"a code nobody knows":      refusal(`"599"`),
		"a code that is a text":    refusal(`"passcode-77"`),
	}
	for _, code := range []int{301, 400, 401, 403, 404, 408, 413, 429, 500, 503} {
		a := respond(code, `{`+vendor+`}`)
		a.header = map[string]string{"Retry-After": "passcode-77", "Location": "https://passcode-77"}
		failures[fmt.Sprint("status ", code)] = a
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, b := &cleverTap{answer: always(failure)}, &tracker{}
				u := uploader(c)
				batches := oneBatch(1)
				batches[0].Refresh = func(context.Context) (clevertap.Account, error) {
					return clevertap.Account{}, errors.New("secret: passcode-77")
				}
				report := u.Upload(within(t, time.Minute), batches, b)
				dry := u.DryRun(within(t, time.Minute), account, records(0, 1))
				accounts := clevertap.Accounts{Sandbox: &account}
				for _, shown := range []any{account, accounts, u, batches, batches[0], report, b.outcomes[0], dry} {
					for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
						if text := fmt.Sprintf(form, shown); strings.Contains(text, "passcode-77") {
							t.Errorf("%s of %T shows the passcode: %s", form, shown, text)
						}
					}
				}
				for _, err := range []error{b.outcomes[0], dry} {
					for ; err != nil; err = errors.Unwrap(err) {
						for _, word := range []string{"passcode", "reader-0", "://", ".com", "AAA-", "words"} {
							if strings.Contains(err.Error(), word) {
								t.Errorf("an error shows %q: %v", word, err)
							}
						}
					}
				}
			})
		})
	}
}

// A passcode that no header can carry is refused by the secret's reader; should one arrive all the same, the HTTP
// client's complaint about it must not show it.
func TestAPasscodeThatNoHeaderTakesDoesNotLeak(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
	batches, b := oneBatch(1), &tracker{}
	batches[0].Account.Passcode = secret.New("passcode-77\n")
	clevertap.NewUploader(clevertap.Options{Endpoint: s.URL}).Upload(t.Context(), batches, b)
	b.expect(t, nil, 1, "retry network", nil)
	if strings.Contains(fmt.Sprintf("%v %+v %#v", b.outcomes[0], b.outcomes[0], b.outcomes[0]), "passcode") {
		t.Errorf("shown: %v", b.outcomes[0])
	}
}
