package clevertap_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/secret"
)

func TestAProfileIsDeletedByEitherKey(t *testing.T) {
	fake := clevertaptest.New(clevertaptest.Config{Accounts: []clevertaptest.Account{
		{ID: account.ID, Region: "in1", Passcodes: []string{"passcode-77"}},
	}})
	u := clevertap.NewUploader(clevertap.Options{Transport: fake.Transport()})
	for key, id := range map[clevertap.ProfileKey]string{
		clevertap.ProfileIdentity: `reader "é" 7`, clevertap.ProfileCleverTapID: "-hA1",
	} {
		if err := u.DeleteProfile(t.Context(), account, key, id); err != nil {
			t.Error(err)
		}
	}
	deleted := fmt.Sprint(fake.Deletions())
	byBoth := strings.Contains(deleted, `identity reader "é" 7`) && strings.Contains(deleted, "objectId -hA1")
	if len(fake.Deletions()) != 2 || !byBoth {
		t.Errorf("deleted %s", deleted)
	}
	err := u.DeleteProfile(t.Context(), withPasscode("wrong-passcode"), clevertap.ProfileIdentity, "reader-1")
	if f := fault.Of(err); f == nil || f.Reason != fault.Credentials || f.Kind != fault.Operator {
		t.Errorf("error %v", err)
	}
}

// Only an answer of success that does not say otherwise counts, and no error shows what was sent.
func TestWhatCountsAsDeleted(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		err    error
		want   string // the error; empty: deleted
	}{
		"success":               {200, `{"status":"success"}`, nil, ""},
		"accepted":              {202, `{}`, nil, ""},
		"nothing":               {200, ``, nil, ""},
		"a page":                {200, `<p>reader-1`, nil, ""},
		"a failure":             {200, `{"status":" FAIL ","error":"reader-1"}`, nil, "server: delete: CleverTap"},
		"credentials refused":   {401, `reader-1`, nil, "credentials: delete: status 401"},
		"too many at once":      {429, ``, nil, "rate_limited: delete: status 429"},
		"a redirect":            {302, ``, nil, "credentials: delete: status 302"},
		"an error of its own":   {503, ``, nil, "server: delete: status 503"},
		"a malformed request":   {400, ``, nil, "clevertap_http_400: delete: status 400"},
		"a broken connection":   {0, ``, errors.New("reader-1"), "network: "},
		"an id that is no text": {200, ``, nil, "malformed: delete: CleverTap refuses it"},
	} {
		t.Run(name, func(t *testing.T) {
			u := clevertap.NewUploader(clevertap.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				body := io.NopCloser(strings.NewReader(c.body))
				return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: body}, c.err
			})})
			id := "reader-1"
			if strings.Contains(c.want, "malformed") {
				id = "reader-\xff"
			}
			a := clevertap.Account{Host: "api.clevertap.com", ID: "A", Passcode: secret.New("p")}
			err := u.DeleteProfile(t.Context(), a, clevertap.ProfileIdentity, id)
			if text := fmt.Sprint(err); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(text, c.want) ||
				strings.Contains(text, "reader") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
