package clevertaptest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// twoAccounts adds a second one.
func twoAccounts(c *clevertaptest.Config) {
	c.Accounts = append(c.Accounts, clevertaptest.Account{ID: "TEST-2", Region: "in", Passcodes: []string{"other-passcode"}, Label: "sandbox"})
}

// second addresses it.
func second(r *http.Request) {
	r.Header.Set("X-CleverTap-Account-Id", "TEST-2")
	r.Header.Set("X-CleverTap-Passcode", "other-passcode")
}

func TestRecordsAreKeptInOrder(t *testing.T) {
	s := serverOf(twoAccounts)
	odd := `{ "type":"profile", "objectId":"-a", "ts":1793620800, "profileData":{ "n" : 9.90 } }`
	post(t, s, list(event(1, ""), odd))
	call(t, s.Transport(), requestOf(t, "https://in1.api.clevertap.com/1/upload", events(1), second))
	post(t, s, bad(3, 1))
	at := time.Unix(now, 0)
	want := []clevertaptest.Record{
		{Number: 1, Account: account, Request: 1, Position: 1, Time: at, Type: "event", Key: "identity", ID: "reader-7731", Name: "TRIAL_STARTED", EventID: "1", Raw: clevertaptest.Text(event(1, ""))},
		{Number: 2, Account: account, Request: 1, Position: 2, Time: at, Type: "profile", Key: "objectId", ID: "-a", Raw: clevertaptest.Text(odd)},
		{Number: 4, Account: account, Request: 3, Position: 2, Time: at, Type: "event", Key: "identity", ID: "reader-7731", Name: "TRIAL_STARTED", EventID: "2", Raw: clevertaptest.Text(event(2, ""))},
		{Number: 5, Account: account, Request: 3, Position: 3, Time: at, Type: "event", Key: "identity", ID: "reader-7731", Name: "TRIAL_STARTED", EventID: "3", Raw: clevertaptest.Text(event(3, ""))},
	}
	if diff := cmp.Diff(want, s.Records(account)); diff != "" {
		t.Error(diff)
	}
	if got := s.Records("TEST-2"); len(got) != 1 || got[0].Number != 3 {
		t.Errorf("the other account: %+v", got)
	}
	if got := s.Records(""); len(got) != 5 {
		t.Errorf("all accounts: %d", len(got))
	}
	if got := s.RecordsAfter("", 4); len(got) != 1 || got[0].Number != 5 {
		t.Errorf("after the fourth: %+v", got)
	}
	if got := s.RecordsOf(account, "identity", "reader-7731"); len(got) != 3 || got[2].EventID != "3" {
		t.Errorf("of one user: %+v", got)
	}
}

func TestRequestsAreKept(t *testing.T) {
	s := serverOf()
	call(t, s.Transport(), requestOf(t, "http://127.0.0.1/api.clevertap.com/1/upload?dryRun=0", bad(3, 1)))
	got := s.Requests()[0]
	if got.Number != 1 || got.Account != account || got.Host != "api.clevertap.com" || got.Path != "/1/upload" || got.Query != "dryRun=0" ||
		got.Size != int64(len(bad(3, 1))) || got.Records != 3 || got.Accepted != 2 || got.InFlight != 1 || got.Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if got.Header.Get("X-CleverTap-Passcode") != "[secret]" || got.Header.Get("X-CleverTap-Account-Id") != account {
		t.Errorf("headers %v", got.Header)
	}
}

func TestProfilesAreMerged(t *testing.T) {
	s := serverOf(withAccount(func(a *clevertaptest.Account) { a.Known = []string{"a"} }))
	profile := func(id, data string) string {
		return `{"type":"profile","identity":"` + id + `","ts":1793620800,"profileData":{` + data + `}}`
	}
	post(t, s, list(profile("a", `"plan":"gold","n":1`), strings.Replace(event(1, ""), "reader-7731", "b", 1)))
	post(t, s, list(profile("a", `"plan":"silver"`)))
	want := []clevertaptest.Profile{
		{Account: account, Key: "identity", ID: "a", Data: map[string]jsontext.Value{"plan": jsontext.Value(`"silver"`), "n": jsontext.Value(`1`)}, Request: 1, Records: 2},
		{Account: account, Key: "identity", ID: "b", Data: map[string]jsontext.Value{}, Unknown: true, Request: 1, Records: 1},
	}
	if diff := cmp.Diff(want, s.Profiles()); diff != "" {
		t.Error(diff)
	}
	if got := s.Unknown(); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("unknown: %+v", got)
	}
	call(t, s.Transport(), requestOf(t, deletion, `{"identity":["a","nobody"]}`))
	if got := s.Profiles(); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("after the deletion: %+v", got)
	}
	if got := s.Deletions(); len(got) != 2 || got[0].Key != "identity" || got[0].ID != "a" || got[1].ID != "nobody" {
		t.Errorf("deletions: %+v", got)
	}
	post(t, s, list(profile("a", `"x":1`)))
	if got := s.Profiles(); len(got) != 2 || len(got[1].Data) != 1 {
		t.Errorf("who comes back is new: %+v", got)
	}
}

func TestDeletionByCleverTapID(t *testing.T) {
	s := serverOf()
	post(t, s, list(`{"type":"event","objectId":"-a","ts":1793620800,"evtName":"X","evtData":{"event_id":"1"}}`))
	call(t, s.Transport(), requestOf(t, deletion, `{"guid":"-a"}`))
	if got := s.Profiles(); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestDuplicatesAreListed(t *testing.T) {
	s := serverOf(twoAccounts)
	post(t, s, events(2))
	call(t, s.Transport(), requestOf(t, "https://in1.api.clevertap.com/1/upload", events(2), second))
	post(t, s, events(1))
	want := []clevertaptest.Duplicate{{Account: account, EventID: "1", Name: "TRIAL_STARTED", First: 1, Number: 5}}
	if diff := cmp.Diff(want, s.Duplicates()); diff != "" {
		t.Error(diff)
	}
}

func TestRevenueIsExact(t *testing.T) {
	s := serverOf()
	for i, data := range []string{
		`"Amount":0.1,"Currency":"EUR"`, `"Amount":0.2,"Currency":"EUR"`, `"Amount":9.90,"Currency":"USD"`, `"Amount":1e1`, `"Amount":"7","Currency":"EUR"`,
	} {
		post(t, s, list(fmt.Sprintf(`{"type":"event","identity":"a","ts":1793620800,"evtName":"Charged","evtData":{"event_id":"%d",%s}}`, i, data)))
	}
	want := []clevertaptest.Revenue{
		{Account: account, Amount: "10", Count: 1},
		{Account: account, Currency: "EUR", Amount: "0.3", Count: 2},
		{Account: account, Currency: "USD", Amount: "9.9", Count: 1},
	}
	if diff := cmp.Diff(want, s.Revenue()); diff != "" {
		t.Error(diff)
	}
}

func TestDigestsInsteadOfBodies(t *testing.T) {
	s := serverOf(func(c *clevertaptest.Config) { c.Digests = true })
	post(t, s, events(1))
	sum := sha256.Sum256([]byte(event(1, "")))
	got := s.Records(account)[0]
	if got.Raw != nil || string(got.Digest) != hex.EncodeToString(sum[:]) || got.EventID != "1" {
		t.Errorf("%+v", got)
	}
	if s.Requests()[0].Answer != nil {
		t.Error("the answer was kept")
	}
}

func TestResetForgetsAllButTheSetUp(t *testing.T) {
	s := serverOf(twoAccounts, withFaults(clevertaptest.Fault{Kind: clevertaptest.Status, Count: 1}))
	s.AddFault(clevertaptest.Fault{Kind: clevertaptest.Expire, Passcode: "new-passcode", From: 3},
		clevertaptest.Fault{Kind: clevertaptest.Garbage})
	post(t, s, events(1))
	post(t, s, list(event(1, `,"ts":1`)))
	post(t, s, events(1))
	call(t, s.Transport(), requestOf(t, deletion, `{"identity":"a"}`, header("X-CleverTap-Passcode", "new-passcode")))
	s.Reset()
	if len(s.Records(""))+len(s.Requests())+len(s.Objections())+len(s.Profiles())+len(s.Duplicates())+len(s.Deletions())+len(s.Revenue())+
		len(s.Refusals(account))+s.HighestInFlight(account) != 0 {
		t.Error("something is left")
	}
	if got := post(t, s, events(1)); got.status != http.StatusServiceUnavailable {
		t.Errorf("the fault of the set-up is not back: %d", got.status)
	}
	if got := post(t, s, events(1)); got.status != http.StatusOK || got.body[0] != '{' {
		t.Errorf("passcode or added fault outlived the reset: %d %s", got.status, got.body)
	}
	if len(s.Records("")) != 1 || s.Records("")[0].Number != 1 || len(s.Objections()) != 0 {
		t.Error("numbers and memory do not start afresh")
	}
}

func TestAccountsCanBeChanged(t *testing.T) {
	s := serverOf()
	post(t, s, events(1))
	s.SetAccount(clevertaptest.Account{ID: account, Passcodes: []string{"new-passcode"}, Region: "us"})
	if got := post(t, s, events(1)); got.status != http.StatusUnauthorized {
		t.Errorf("old credentials: %d", got.status)
	}
	got := call(t, s.Transport(), requestOf(t, "https://us1.api.clevertap.com/1/upload", events(1), header("X-CleverTap-Passcode", "new-passcode")))
	if got.status != http.StatusOK || len(s.Records(account)) != 2 {
		t.Errorf("new credentials: %d, %d records", got.status, len(s.Records(account)))
	}
}
