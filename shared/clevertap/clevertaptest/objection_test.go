package clevertaptest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func TestObjections(t *testing.T) {
	profile := func(id, data string) string {
		return `{"type":"profile","identity":"` + id + `","ts":1793620800,"profileData":{` + data + `}}`
	}
	by := func(id string) string {
		return `{"type":"event","objectId":"` + id + `","ts":1793620800,"evtName":"X","evtData":{"event_id":"1"}}`
	}
	at := func(ts string) string {
		return `{"type":"event","identity":"a",` + ts + `"evtName":"X","evtData":{"event_id":"1"}}`
	}
	charged := func(id int, data string) string {
		return fmt.Sprintf(`{"type":"event","identity":"a","ts":1793620800,"evtName":"Charged","evtData":{%s,"event_id":"%d"}}`, data, id)
	}
	for name, c := range map[string]struct {
		records []string
		want    []string
	}{
		"proper records":                      {[]string{event(1, `,"at":"$D_1793620800","amount_in_eur":1.5`), profile("a", `"plan":"gold"`), charged(2, `"Amount":1`)}, nil},
		"a CleverTap ID of Android":           {[]string{by("__gabc")}, nil},
		"a CleverTap ID of iOS":               {[]string{by("-abc")}, nil},
		"an id without a prefix":              {[]string{by("abc")}, []string{clevertaptest.NoPrefix}},
		"one underscore is no prefix":         {[]string{by("_")}, []string{clevertaptest.NoPrefix}},
		"no time":                             {[]string{at("")}, []string{clevertaptest.NoTime}},
		"two minutes ahead":                   {[]string{at(`"ts":1793620920,`)}, nil},
		"over two minutes ahead":              {[]string{at(`"ts":1793620921,`)}, []string{clevertaptest.FutureTime}},
		"an ISO date":                         {[]string{event(1, `,"a":"2026-11-02"`)}, []string{clevertaptest.ISODate}},
		"an ISO time":                         {[]string{event(1, `,"a":"2026-11-02T10:00:00.000Z"`)}, []string{clevertaptest.ISODate}},
		"an ISO time in lower case":           {[]string{event(1, `,"a":"2026-11-02t10:00"`)}, []string{clevertaptest.ISODate}},
		"an ISO date in a profile":            {[]string{profile("a", `"a":"2026-11-02 10:00"`)}, []string{clevertaptest.ISODate}},
		"a name that begins like a date":      {[]string{event(1, `,"a":"2026-11-02-offer","b":"2026-13-01","c":"2026-11-32","d":"2026/11/02"`)}, nil},
		"a date before 1970":                  {[]string{event(1, `,"a":"$D_-1"`)}, nil},
		"a date in milliseconds":              {[]string{event(1, `,"a":"$D_1793620800000"`)}, []string{clevertaptest.BadDate}},
		"a date with a fraction":              {[]string{event(1, `,"a":"$D_1793620800.5"`)}, []string{clevertaptest.BadDate}},
		"a date without a number":             {[]string{event(1, `,"a":"$D_"`)}, []string{clevertaptest.BadDate}},
		"keys that differ by case":            {[]string{event(1, `,"plan":"a"`), event(2, `,"Plan":"a"`), event(3, `,"Plan":"a"`)}, []string{clevertaptest.KeyTwin}},
		"keys that differ by spaces":          {[]string{event(1, `,"a b":1,"ab":1`)}, []string{clevertaptest.KeyTwin}},
		"events and profiles are apart":       {[]string{event(1, `,"plan":"a"`), profile("a", `"Plan":7`)}, nil},
		"keys that differ by an underscore":   {[]string{event(1, `,"a_b":1,"ab":1`)}, nil},
		"another type":                        {[]string{event(1, `,"a":1`), event(2, `,"a":"1"`), event(3, `,"a":2.5`)}, []string{clevertaptest.TypeChanged}},
		"a date that becomes text":            {[]string{event(1, `,"a":"$D_1"`), event(2, `,"a":"soon"`)}, []string{clevertaptest.TypeChanged}},
		"another type in a profile":           {[]string{profile("a", `"a":true`), profile("b", `"a":"true"`)}, []string{clevertaptest.TypeChanged}},
		"no event id":                         {[]string{`{"type":"event","identity":"a","ts":1793620800,"evtName":"X","evtData":{}}`}, []string{clevertaptest.NoEventID}},
		"an event id that is a number":        {[]string{`{"type":"event","identity":"a","ts":1793620800,"evtName":"X","evtData":{"event_id":1}}`}, []string{clevertaptest.NoEventID}},
		"an event twice":                      {[]string{event(1, ""), event(1, "")}, []string{clevertaptest.Repeated}},
		"an id under two names":               {[]string{event(1, ""), charged(1, `"Amount":1`)}, nil},
		"Charged without an amount":           {[]string{charged(1, `"Currency":"EUR"`)}, []string{clevertaptest.ChargedAmount}},
		"Charged with an amount in a string":  {[]string{charged(1, `"Amount":"1"`)}, []string{clevertaptest.ChargedAmount}},
		"Charged with nothing":                {[]string{charged(1, `"Amount":0.00`)}, []string{clevertaptest.ChargedAmount}},
		"Charged with a refund":               {[]string{charged(1, `"Amount":-1`)}, []string{clevertaptest.ChargedAmount}},
		"Charged beyond any price":            {[]string{charged(1, `"Amount":1e99999999`)}, []string{clevertaptest.ChargedAmount}},
		"Charged twice":                       {[]string{charged(1, `"Amount":1,"Charged ID":"7"`), charged(2, `"Amount":1,"Charged ID":"7"`)}, []string{clevertaptest.ChargedID}},
		"Charged twice, once as a number":     {[]string{charged(1, `"Amount":1,"Charged ID":"7"`), charged(2, `"Amount":1,"Charged ID":7`)}, []string{clevertaptest.ChargedID, clevertaptest.TypeChanged}},
		"a date in an item":                   {[]string{charged(1, `"Amount":1,"Items":[{"a":"2026-11-02"}]`)}, []string{clevertaptest.ISODate}},
		"an identity among a profile's data":  {[]string{profile("a", `"identity":"b"`)}, []string{clevertaptest.IdentityProperty}},
		"an objectId in another spelling":     {[]string{profile("a", `"ObjectID":"b"`)}, []string{clevertaptest.IdentityProperty}},
		"an identity among an event's data":   {[]string{event(1, `,"identity":"b"`)}, nil},
		"a second time":                       {[]string{event(1, `,"ts":1`)}, []string{clevertaptest.VendorProperty}},
		"the vendor's own property":           {[]string{profile("a", `"CT Source":"API"`)}, []string{clevertaptest.VendorProperty}},
		"two profiles of one user":            {[]string{profile("a", `"a":1`), profile("b", `"a":1`), profile("a", `"a":1`)}, []string{clevertaptest.ProfileTwins}},
		"a refused record brings none":        {[]string{`{"type":"event","identity":"a","evtName":"Stayed","evtData":{"ts":1}}`}, nil},
		"two that were refused are no twins":  {[]string{profile("a", `"Age":"x"`), profile("a", `"Age":"x"`)}, nil},
		"several things wrong with one event": {[]string{event(1, `,"a":"2026-11-02","ts":1,"A":1`)}, []string{clevertaptest.ISODate, clevertaptest.KeyTwin, clevertaptest.VendorProperty}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serverOf()
			if got := post(t, s, list(c.records...)); got.status != http.StatusOK {
				t.Fatal(got.body)
			}
			got := rules(s)
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestObjectionNamesItsPlace(t *testing.T) {
	s := serverOf()
	post(t, s, events(1))
	post(t, s, list(event(2, ""), event(3, `,"seen":"2026-11-02"`)))
	want := []clevertaptest.Objection{{Account: account, Request: 2, Position: 2, Rule: clevertaptest.ISODate, Key: "seen"}}
	if diff := cmp.Diff(want, s.Objections()); diff != "" {
		t.Error(diff)
	}
}

func TestEventNamesAreCounted(t *testing.T) {
	s := serverOf()
	for n := range 513 {
		if got := len(s.Objections()); got != 0 {
			t.Fatalf("%d objections after %d names", got, n)
		}
		post(t, s, list(strings.Replace(event(n, ""), "TRIAL_STARTED", fmt.Sprintf("E%d", n), 1)))
		post(t, s, list(strings.Replace(event(n+1000, ""), "TRIAL_STARTED", fmt.Sprintf("e %d", n), 1)))
	}
	if diff := cmp.Diff([]string{clevertaptest.EventNames}, rules(s)); diff != "" {
		t.Error(diff)
	}
}

func TestPasscodeAnywhereElse(t *testing.T) {
	for name, c := range map[string]struct {
		body, url string
		change    func(*http.Request)
		want      int
	}{
		"only in its header":          {events(1), upload, func(*http.Request) {}, 0},
		"in the body":                 {list(event(1, `,"a":"`+passcode+`"`)), upload, func(*http.Request) {}, 1},
		"in a body that is refused":   {passcode, upload, func(*http.Request) {}, 1},
		"in another header":           {events(1), upload, header("User-Agent", "x/"+passcode), 1},
		"in the query":                {events(1), upload + "?p=" + passcode, func(*http.Request) {}, 1},
		"in the path":                 {events(1), upload + "/" + passcode, func(*http.Request) {}, 1},
		"as the account":              {events(1), upload, header("X-CleverTap-Account-Id", passcode), 1},
		"in its header and refused":   {events(1), upload, header("X-CleverTap-Account-Id", "x"), 0},
		"another account's, likewise": {list(event(1, `,"a":"other-passcode"`)), upload, func(*http.Request) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := serverOf(func(c *clevertaptest.Config) {
				c.Accounts = append(c.Accounts, clevertaptest.Account{ID: "TEST-2", Passcodes: []string{"other-passcode"}})
			})
			call(t, s.Transport(), requestOf(t, c.url, c.body, c.change))
			if got := rules(s); len(got) != c.want || c.want == 1 && got[0] != clevertaptest.PasscodeShown {
				t.Errorf("%v", got)
			}
			if kept := s.Requests()[0].Header.Get("X-CleverTap-Passcode"); kept == passcode {
				t.Error("the passcode was recorded")
			}
		})
	}
}
