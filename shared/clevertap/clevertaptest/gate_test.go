package clevertaptest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

// TestWholeRequests gives each rule for whole requests a request on either side of it.
func TestWholeRequests(t *testing.T) {
	const (
		badBody = `{"status":"fail","error":"body cannot be read","code":400}`
		badAuth = `{"status" : "fail" , "error" : "credentials refused" , "code" : 401}`
	)
	for name, c := range map[string]struct {
		url    string
		body   string
		change func(*http.Request)
		set    func(*clevertaptest.Account)
		status int
		answer string // "" where only the status is of interest; "<" for HTML
	}{
		"a proper upload":                       {status: 200, answer: `{"status":"success","processed":1,"unprocessed":[]}`},
		"another path":                          {url: "https://api.clevertap.com/1/uploads", status: 404, answer: "<"},
		"another version":                       {url: "https://api.clevertap.com/2/upload", status: 404, answer: "<"},
		"a path with a slash too many":          {url: upload + "/", status: 404, answer: "<"},
		"the host in the path":                  {url: "http://127.0.0.1:9900/api.clevertap.com/1/upload", status: 200},
		"the host in the path with a port":      {url: "http://127.0.0.1:9900/api.clevertap.com:443/1/upload", status: 200},
		"something else in front of the path":   {url: "http://127.0.0.1:9900/proxy/1/upload", status: 404, answer: "<"},
		"another method":                        {change: func(r *http.Request) { r.Method = http.MethodPut }, status: 405},
		"a method before the credentials":       {change: func(r *http.Request) { r.Method = http.MethodGet; r.Header = http.Header{} }, status: 405},
		"no account":                            {change: header("X-CleverTap-Account-Id"), status: 401, answer: badAuth},
		"an empty account":                      {change: header("X-CleverTap-Account-Id", ""), status: 401, answer: badAuth},
		"two accounts":                          {change: header("X-CleverTap-Account-Id", account, account), status: 401, answer: badAuth},
		"an unknown account":                    {change: header("X-CleverTap-Account-Id", "TEST-999-9999"), status: 401, answer: badAuth},
		"an account in another case":            {change: header("X-CleverTap-Account-Id", "test-123-4567"), status: 401, answer: badAuth},
		"no passcode":                           {change: header("X-CleverTap-Passcode"), status: 401, answer: badAuth},
		"an empty passcode":                     {change: header("X-CleverTap-Passcode", ""), status: 401, answer: badAuth},
		"two passcodes":                         {change: header("X-CleverTap-Passcode", passcode, passcode), status: 401, answer: badAuth},
		"a wrong passcode":                      {change: header("X-CleverTap-Passcode", "x"), status: 401, answer: badAuth},
		"the second of two live passcodes":      {set: func(a *clevertaptest.Account) { a.Passcodes = []string{"first-one", passcode} }, status: 200},
		"header names in lower case":            {change: lowerHeaders, status: 200},
		"another region":                        {url: "https://in1.api.clevertap.com/1/upload", status: 401, answer: badAuth},
		"another region in the path":            {url: "http://127.0.0.1/in1.api.clevertap.com/1/upload", status: 401, answer: badAuth},
		"the account's region":                  {url: "https://IN1.api.clevertap.com/1/upload", set: func(a *clevertaptest.Account) { a.Region = "IN" }, status: 200},
		"the bare host for another region":      {set: func(a *clevertaptest.Account) { a.Region = "us1" }, status: 401, answer: badAuth},
		"the other name of Europe":              {url: "https://eu1.api.clevertap.com/1/upload", status: 200},
		"a foreign host serves every region":    {url: "http://127.0.0.1:9900/1/upload", set: func(a *clevertaptest.Account) { a.Region = "us1" }, status: 200},
		"a blocked account":                     {set: func(a *clevertaptest.Account) { a.Blocked = true }, status: 403},
		"a blocked account, a wrong passcode":   {set: func(a *clevertaptest.Account) { a.Blocked = true }, change: header("X-CleverTap-Passcode", "x"), status: 401},
		"no content type":                       {change: header("Content-Type"), status: 400, answer: badBody},
		"two content types":                     {change: header("Content-Type", "application/json", "application/json"), status: 400, answer: badBody},
		"plain JSON":                            {change: header("Content-Type", "application/json"), status: 200},
		"a charset in capitals and quotes":      {change: header("Content-Type", `Application/JSON; Charset="UTF-8"`), status: 200},
		"another charset":                       {change: header("Content-Type", "application/json; charset=latin1"), status: 400, answer: badBody},
		"another parameter":                     {change: header("Content-Type", "application/json; version=1"), status: 400, answer: badBody},
		"another type":                          {change: header("Content-Type", "text/plain"), status: 400, answer: badBody},
		"a compressed body":                     {change: header("Content-Encoding", "gzip"), status: 400, answer: badBody},
		"a body said to be uncompressed":        {change: header("Content-Encoding", "identity"), status: 400, answer: badBody},
		"a dry run":                             {url: upload + "?dryRun=1", status: 200},
		"no dry run, and saying so":             {url: upload + "?dryRun=0", status: 200},
		"another dry run":                       {url: upload + "?dryRun=true", status: 400, answer: badBody},
		"another query":                         {url: upload + "?v=1", status: 400, answer: badBody},
		"a dry run and more":                    {url: upload + "?dryRun=1&dryRun=1", status: 400, answer: badBody},
		"an empty body":                         {body: " ", status: 400, answer: badBody},
		"no object":                             {body: `[]`, status: 400, answer: badBody},
		"no key":                                {body: `{}`, status: 400, answer: badBody},
		"another key":                           {body: `{"D":[{}]}`, status: 400, answer: badBody},
		"a second key":                          {body: `{"d":[{}],"source":"x"}`, status: 400, answer: badBody},
		"no array":                              {body: `{"d":{}}`, status: 400, answer: badBody},
		"no record":                             {body: `{"d":[]}`, status: 400, answer: badBody},
		"a byte order mark":                     {body: "\ufeff" + events(1), status: 400, answer: badBody},
		"a comment":                             {body: "/* */" + events(1), status: 400, answer: badBody},
		"a trailing comma":                      {body: strings.Replace(events(1), "]}", ",]}", 1), status: 400, answer: badBody},
		"trailing data":                         {body: events(1) + "{}", status: 400, answer: badBody},
		"trailing blanks":                       {body: events(1) + " \n", status: 200},
		"a body cut off":                        {body: strings.TrimSuffix(events(1), "}"), status: 400, answer: badBody},
		"invalid UTF-8":                         {body: list(event(1, `,"a":"`+"\xff"+`"`)), status: 400, answer: badBody},
		"a lone surrogate":                      {body: list(event(1, `,"a":"\ud800"`)), status: 400, answer: badBody},
		"a duplicate key":                       {body: list(event(1, `,"a":1,"a":1`)), status: 400, answer: badBody},
		"a duplicate key, escaped":              {body: list(event(1, `,"a":1,"\u0061":1`)), status: 400, answer: badBody},
		"a duplicate key in the depth":          {body: list(event(1, `,"a":{"b":[{"c":1,"c":1}]}`)), status: 400, answer: badBody},
		"1000 records":                          {body: events(1000), status: 200, answer: `{"status":"success","processed":1000,"unprocessed":[]}`},
		"1001 records":                          {body: events(1001), status: 400, answer: badBody},
		"a smaller limit of records":            {body: events(3), set: func(a *clevertaptest.Account) { a.Limits.Records = 2 }, status: 400},
		"profiles at their limit":               {body: profiles(2), set: func(a *clevertaptest.Account) { a.Limits.Profiles = 2 }, status: 200},
		"profiles over their limit":             {body: profiles(3), set: func(a *clevertaptest.Account) { a.Limits.Profiles = 2 }, status: 400},
		"100 tokens":                            {body: tokens(100), status: 200},
		"101 tokens":                            {body: tokens(101), status: 400},
		"a body at the limit":                   {body: padded(4 << 20), status: 200},
		"a body over the limit":                 {body: padded(4<<20 + 1), status: 413, answer: "<"},
		"a body over the limit, unannounced":    {body: padded(4<<20 + 1), change: func(r *http.Request) { r.ContentLength = -1 }, status: 413, answer: "<"},
		"a smaller limit of bytes":              {set: func(a *clevertaptest.Account) { a.Limits.Bytes = 20 }, status: 413, answer: "<"},
		"a delete":                              {url: deletion, body: `{"identity":"a"}`, status: 200, answer: `{"status":"success"}`},
		"a delete by CleverTap ID":              {url: deletion, body: `{"guid":["-a","-b"]}`, status: 200},
		"a delete of 100":                       {url: deletion, body: `{"identity":["a"` + strings.Repeat(`,"a"`, 99) + `]}`, status: 200},
		"a delete of 101":                       {url: deletion, body: `{"identity":["a"` + strings.Repeat(`,"a"`, 100) + `]}`, status: 400},
		"a delete of nobody":                    {url: deletion, body: `{"identity":[]}`, status: 400},
		"a delete of an empty id":               {url: deletion, body: `{"identity":""}`, status: 400},
		"a delete of a number":                  {url: deletion, body: `{"identity":7}`, status: 400},
		"a delete by another key":               {url: deletion, body: `{"objectId":"-a"}`, status: 400},
		"a delete by two keys":                  {url: deletion, body: `{"identity":"a","guid":"-a"}`, status: 400},
		"a delete as a dry run":                 {url: deletion + "?dryRun=1", body: `{"identity":"a"}`, status: 400},
		"credentials come before the body":      {body: "x", change: header("X-CleverTap-Passcode", "x"), status: 401},
		"headers come before the size":          {body: padded(4<<20 + 1), change: header("Content-Type", "text/plain"), status: 400},
		"the size comes before what is in it":   {body: strings.Repeat("x", 4<<20+1), status: 413},
		"the path comes before the method":      {url: "https://api.clevertap.com/x", change: func(r *http.Request) { r.Method = http.MethodGet }, status: 404},
		"a record that is refused is no matter": {body: list(`7`), status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := serverOf(withAccount(func(a *clevertaptest.Account) {
				if c.set != nil {
					c.set(a)
				}
			}))
			url, body := c.url, c.body
			if url == "" {
				url = upload
			}
			if body == "" {
				body = events(1)
			}
			r := requestOf(t, url, body)
			if c.change != nil {
				c.change(r)
			}
			got := call(t, s.Transport(), r)
			if got.status != c.status {
				t.Fatalf("status %d, want %d: %s", got.status, c.status, got.body)
			}
			if c.answer != "" && got.body != c.answer && (c.answer != "<" || !strings.HasPrefix(got.body, "<html>")) {
				t.Errorf("answer %s, want %s", got.body, c.answer)
			}
			if got.status == http.StatusMethodNotAllowed && got.header.Get("Allow") != http.MethodPost {
				t.Error("405 without Allow")
			}
			if got.status != http.StatusOK && len(s.Records("")) > 0 {
				t.Error("a refused request was stored")
			}
			if kept := s.Requests()[0]; kept.Status != got.status || string(kept.Answer) != got.body {
				t.Errorf("recorded %d %s", kept.Status, kept.Answer)
			}
		})
	}
}

// lowerHeaders spells the names of the headers as HTTP/2 does.
func lowerHeaders(r *http.Request) {
	for name, values := range r.Header {
		delete(r.Header, name)
		r.Header[strings.ToLower(name)] = values
	}
}

func profiles(n int) string {
	records := make([]string, n)
	for i := range records {
		records[i] = `{"type":"profile","identity":"reader-` + strconv.Itoa(i) + `","ts":1793620800,"profileData":{"plan":"gold"}}`
	}
	return list(records...)
}

func tokens(n int) string {
	records := make([]string, n)
	for i := range records {
		records[i] = fmt.Sprintf(`{"type":"token","objectId":"__%d","tokenData":{"id":"t","type":"fcm"}}`, i)
	}
	return list(records...)
}

// padded is an upload of exactly so many bytes.
func padded(size int) string {
	body := []byte(events(1))
	return string(append(body, bytes.Repeat([]byte(" "), size-len(body))...))
}

// TestRegionOfAListener tells apart the host that was asked for and the listener's own region.
func TestRegionOfAListener(t *testing.T) {
	for name, c := range map[string]struct {
		own, url string
		status   int
	}{
		"the listener's region, right":          {"in1", "http://127.0.0.1/1/upload", 200},
		"the listener's region, wrong":          {"us", "http://127.0.0.1/1/upload", 401},
		"a CleverTap host in the path wins":     {"us1", "http://127.0.0.1/in1.api.clevertap.com/1/upload", 200},
		"a CleverTap host in the header wins":   {"us1", "http://in1.api.clevertap.com/1/upload", 200},
		"a foreign host in the path wins":       {"in1", "http://us1.api.clevertap.com/proxy.example/1/upload", 200},
		"what is no region is a foreign host":   {"in1", "http://proxy.api.clevertap.com/1/upload", 200},
		"a region that nobody has heard of yet": {"in1", "http://abcde12.api.clevertap.com/1/upload", 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := serverOf(func(c2 *clevertaptest.Config) { c2.Region, c2.Accounts[0].Region = c.own, "in1" })
			if got := call(t, s.Transport(), requestOf(t, c.url, events(1))); got.status != c.status {
				t.Errorf("status %d, want %d", got.status, c.status)
			}
		})
	}
}
