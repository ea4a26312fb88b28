//go:build blackbox

package main_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// Bodies of the tables below, made anew for every test.
var (
	good      = func() string { return lamp("a") }
	discarded = func() string { return named("b", "DISCARDED") }
	system    = func() string { return named("c", "App Launched") }
	both      = func() string { return bought("d") } // two records
)

type (
	bodies = []func() string
	faults = []clevertaptest.Fault
)

// status is what every upload is answered with.
func status(code int) clevertaptest.Fault {
	return clevertaptest.Fault{Kind: clevertaptest.Status, Status: code}
}

func TestEveryStatusEndsAsTheContractSays(t *testing.T) {
	t.Parallel()
	want := map[int]string{408: "retry timeout", 429: "retry rate_limited"}
	for _, code := range []int{500, 501, 502, 503, 504, 507, 599} {
		want[code] = "retry server"
	}
	for _, code := range []int{201, 202, 204, 206} {
		want[code] = "retry unreadable_answer"
	}
	for _, code := range []int{300, 301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405} {
		want[code] = "retry credentials"
	}
	for _, code := range []int{400, 406, 409, 410, 413, 414, 415, 418, 422, 425, 431, 451} {
		want[code] = "rejected clevertap_http_" + strconv.Itoa(code)
	}
	for code, outcome := range want {
		body := []string{"json", "html", "empty"}[code%3] // which does not matter
		t.Run(fmt.Sprintf("%d with %s", code, body), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			f := status(code)
			f.Body = body
			s.clevertap.AddFault(f)
			id := s.send(letter{body: good()})[0]
			b := s.invoke()
			s.end()
			if got := b.outcome(id); got != outcome {
				t.Errorf("%s, want %s", got, outcome)
			}
			if code >= 400 && code != 429 && b.told[id].Code != strconv.Itoa(code) {
				t.Errorf("the line says code %q", b.told[id].Code)
			}
			if n := len(s.clevertap.Records("")); n != 0 {
				t.Errorf("%d records stored", n)
			}
		})
	}
}

func TestEveryAnswerIsReadRecordByRecord(t *testing.T) {
	t.Parallel()
	passing := func(f clevertaptest.Fault) clevertaptest.Fault { f.Kind = clevertaptest.Transient; return f }
	kind := func(k clevertaptest.Kind) clevertaptest.Fault { return clevertaptest.Fault{Kind: k} }
	once := func(k clevertaptest.Kind) clevertaptest.Fault { return clevertaptest.Fault{Kind: k, Count: 1} }
	const (
		delivered = "delivered"
		unmatched = "retry unmatched"
		unread    = "retry unreadable_answer"
		no528     = "rejected clevertap_528"
		no513     = "rejected clevertap_513"
	)
	tests := map[string]struct {
		bodies  bodies
		faults  faults
		want    []string
		uploads int
	}{
		"all good":                                        {bodies{good, good, both}, nil, []string{delivered, delivered, delivered}, 1},
		"the first is refused":                            {bodies{discarded, good, good}, nil, []string{no528, delivered, delivered}, 1},
		"the middle is refused":                           {bodies{good, discarded, good}, nil, []string{delivered, no528, delivered}, 1},
		"the last is refused":                             {bodies{good, good, system}, nil, []string{delivered, delivered, no513}, 1},
		"all are refused":                                 {bodies{system, discarded, system}, nil, []string{no513, no528, no513}, 1},
		"several are refused, in another order":           {bodies{system, good, discarded, good, system, discarded}, nil, []string{no513, delivered, no528, delivered, no513, no528}, 1},
		"one passing refusal, then accepted":              {bodies{good, good}, faults{passing(clevertaptest.Fault{Share: 1})}, []string{delivered, delivered}, 3},
		"a code that passes at the second repeat":         {bodies{good}, faults{passing(clevertaptest.Fault{Times: 2})}, []string{delivered}, 3},
		"a code that does not pass":                       {bodies{good}, faults{passing(clevertaptest.Fault{Times: 9})}, []string{"retry transient"}, 3},
		"a code that does not pass, beside a good record": {bodies{good, both}, faults{passing(clevertaptest.Fault{Marker: "person-d", Times: 9})}, []string{delivered, "retry transient"}, 0},
		"a code that nobody knows, once":                  {bodies{good}, faults{passing(clevertaptest.Fault{Code: 529})}, []string{delivered}, 2},
		"a code that nobody knows, alone twice":           {bodies{good}, faults{passing(clevertaptest.Fault{Code: 529, Times: 9})}, []string{"rejected clevertap_529"}, 2},
		"a code that nobody knows, in company first":      {bodies{good, discarded}, faults{passing(clevertaptest.Fault{Code: 777, Times: 9})}, []string{"rejected clevertap_777", no528}, 3},
		"one kept for good, one for now: retried first":   {bodies{func() string { return bought("d", "event_name", `"DISCARDED"`) }}, faults{passing(clevertaptest.Fault{Marker: `"profile"`, Times: 9})}, []string{"retry transient"}, 3},
		"a count that is one too many":                    {bodies{good, good}, faults{{Kind: clevertaptest.BadCount, By: 1}}, []string{unmatched, unmatched}, 1},
		"a count that is one too few":                     {bodies{good, good}, faults{{Kind: clevertaptest.BadCount, By: -1}}, []string{unmatched, unmatched}, 1},
		"a wrong count beside a named refusal":            {bodies{good, discarded, good}, faults{{Kind: clevertaptest.BadCount, By: -1}}, []string{unmatched, no528, unmatched}, 1},
		"no count":                                        {bodies{good}, faults{kind(clevertaptest.NoCount)}, []string{unmatched}, 1},
		"no count beside a named refusal":                 {bodies{good, discarded}, faults{kind(clevertaptest.NoCount)}, []string{unmatched, no528}, 1},
		"a failure without a list":                        {bodies{good, good}, faults{kind(clevertaptest.EmptyFail)}, []string{unmatched, unmatched}, 1},
		"a failure and nothing else":                      {bodies{good}, faults{kind(clevertaptest.BareFail)}, []string{unmatched}, 1},
		"no number, but the echo fits one record":         {bodies{good, discarded, both}, faults{kind(clevertaptest.NoIndex)}, []string{delivered, no528, delivered}, 1},
		"no number, and one record alone":                 {bodies{discarded}, faults{kind(clevertaptest.NoIndex)}, []string{no528}, 1},
		"no echo, but a number":                           {bodies{good, discarded, good}, faults{kind(clevertaptest.NoEcho)}, []string{delivered, no528, delivered}, 1},
		"no code in the entry, at first":                  {bodies{good, discarded}, faults{once(clevertaptest.NoCode)}, []string{delivered, no528}, 0},
		"number zero":                                     {bodies{good, discarded}, faults{{Kind: clevertaptest.WrongIndex, Index: "zero"}}, []string{unmatched, unmatched}, 1},
		"a number beyond the last":                        {bodies{good, discarded}, faults{{Kind: clevertaptest.WrongIndex, Index: "beyond"}}, []string{unmatched, unmatched}, 1},
		"the number of another record":                    {bodies{good, discarded}, faults{{Kind: clevertaptest.WrongIndex, Index: "other"}}, []string{unmatched, unmatched}, 1},
		"half an answer":                                  {bodies{good}, faults{kind(clevertaptest.Half)}, []string{unread}, 1},
		"HTML with 200":                                   {bodies{good}, faults{kind(clevertaptest.Garbage)}, []string{unread}, 1},
		"an empty answer":                                 {bodies{good}, faults{kind(clevertaptest.Empty)}, []string{unread}, 1},
		"an answer that comes byte by byte":               {bodies{good}, faults{{Kind: clevertaptest.Trickle, Wait: time.Millisecond}}, []string{delivered}, 1},
		"an answer that takes its time":                   {bodies{good}, faults{{Kind: clevertaptest.Latency, Wait: 100 * time.Millisecond}}, []string{delivered}, 1},
		"a reset before anything is stored":               {bodies{good}, faults{once(clevertaptest.ResetBefore)}, []string{"retry network"}, 1},
		"a reset after all is stored":                     {bodies{good}, faults{once(clevertaptest.ResetAfter)}, []string{"retry network"}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.clevertap.AddFault(test.faults...)
			ids := make([]string, len(test.bodies))
			for i, body := range test.bodies {
				ids[i] = s.send(letter{body: body()})[0]
			}
			b := s.invoke()
			s.end()
			for i, id := range ids {
				if got := b.outcome(id); got != test.want[i] {
					t.Errorf("message %d: %s, want %s", i+1, got, test.want[i])
				}
			}
			if n := len(s.uploads(demoAccount)); test.uploads != 0 && n != test.uploads {
				t.Errorf("%d uploads, want %d", n, test.uploads)
			}
			if twice := s.clevertap.Duplicates(); len(twice) > 0 {
				t.Errorf("sent again what was accepted: %+v", twice)
			}
			if n := s.sum("demo", "UploadLatency"); len(b.metrics[0].values["UploadLatency"]) != len(s.uploads(demoAccount)) {
				t.Errorf("latencies %d of %d uploads", n, len(s.uploads(demoAccount)))
			}
		})
	}
}

// What passes later is delivered when the queue brings it back.
func TestWhatIsRetriedIsDeliveredLater(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]clevertaptest.Fault{
		"after a reset":     {Kind: clevertaptest.ResetBefore, Count: 1},
		"after a status":    {Kind: clevertaptest.Status, Status: http.StatusBadGateway, Count: 1},
		"after a time-out":  {Kind: clevertaptest.Hang, Count: 1},
		"after a slow byte": {Kind: clevertaptest.Trickle, Wait: 200 * time.Millisecond, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{env: map[string]string{"UPLOAD_TIMEOUT": "500ms"}})
			if f.Kind == clevertaptest.Trickle {
				s.excused = []string{clevertaptest.Repeated} // It was stored the first time.
			}
			s.clevertap.AddFault(f)
			id := s.send(letter{body: good()})[0]
			batches := []*batch{s.invoke()}
			for last := batches[0]; len(last.returned) > 0 && len(batches) < 20; batches = append(batches, last) {
				last = s.invoke()
			}
			s.end()
			if last := batches[len(batches)-1]; last.outcome(id) != "delivered" || len(last.messages) != 1 || last.messages[0].Receives != len(batches) {
				t.Errorf("%s after %d batches", last.outcome(id), len(batches))
			}
			if f.Kind == clevertaptest.Hang && batches[0].outcome(id) != "retry timeout" {
				t.Errorf("at first %s", batches[0].outcome(id))
			}
		})
	}
}

// How much of an answer is read is the bridge's own choice, above 16 MiB: such a one may count or not, but nothing else may happen.
func TestAHugeAnswerIsReadOrIsNone(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.clevertap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Huge})
	id := s.send(letter{body: good()})[0]
	b := s.invoke()
	s.end()
	if got := b.outcome(id); got != "delivered" && got != "retry unreadable_answer" {
		t.Error(got)
	}
}

func TestARedirectIsNeverFollowed(t *testing.T) {
	t.Parallel()
	for _, code := range []int{301, 302, 303, 307, 308} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{})
			s.clevertap.AddFault(status(code))
			s.send(letter{body: good()})
			s.invoke()
			if n := len(s.clevertap.Requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}
