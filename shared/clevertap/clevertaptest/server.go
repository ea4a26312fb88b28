// Package clevertaptest is a strict fake of CleverTap: of its upload and delete endpoints, and of those that tell
// what it has.
//
// It refuses whatever CleverTap is known to refuse, in CleverTap's words and codes, takes the harsher side where
// CleverTap is unknown, and warns of what CleverTap would presumably accept and then spoil in silence. It fails on
// demand, repeatably, in every way that a network or a vendor can. It records what was stored, whatever it answered:
// tests should look at the former. It has rules of its own and shares none with package clevertap, so that a mistake
// there cannot hide itself here. It does not deduplicate, trigger campaigns or apply a schema.
//
// A [Server] is an http.Handler. [Server.Transport] calls it without a network, in virtual time too; [Server.Listen]
// puts it on loopback. [Server.AddFault] makes it fail, [Server.Records] and its neighbours show what arrived.
// [Server.Admin] offers the same over HTTP, apart from the first as JSON with the keys of the Go
// types:
//
//	GET    /            all people and records, as a page for browsers and as text for others
//	GET    /records     list of Record
//	GET    /requests    list of Request, passcodes masked
//	GET    /warnings    list of Warning
//	GET    /profiles    list of Profile
//	GET    /deletions   list of Deletion
//	POST   /accounts    one Account, {"id":"A","region":"in1","passcodes":["p"]}; adds or changes it
//	POST   /faults      a Fault or a list of them, {"kind":"status","status":429,"count":3,"retry_after":"1"}
//	DELETE /faults      ends all faults
//
// A command answers {"status":"ok"}, or 400 and {"error":"…"}.
package clevertaptest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Config sets a Server up. Every field but Accounts may be empty.
type Config struct {
	Accounts []Account
	Seed     uint64 // makes every choice of the server repeatable
	Faults   []Fault
}

// Account is one account's settings.
type Account struct {
	ID        string   `json:"id"`
	Region    string   `json:"region,omitzero"` // default eu1
	Passcodes []string `json:"passcodes,omitempty"`
	Discarded []string `json:"discarded,omitempty"` // event names discarded in the dashboard
	Blocked   bool     `json:"blocked,omitzero"`    // answered 403
	InFlight  int      `json:"in_flight,omitzero"`  // uploads at once, default 15
	TimeZone  string   `json:"time_zone,omitzero"`  // in which its days are counted, such as Asia/Kolkata; default UTC
}

// Check returns an error if the account cannot be served.
func (a Account) Check() error {
	if _, err := time.LoadLocation(a.TimeZone); err != nil {
		return fmt.Errorf("account: time zone %q unknown", a.TimeZone)
	}
	return nil
}

// account is an account with all that the server remembers of it.
type account struct {
	Account
	zone      *time.Location
	discarded map[string]bool // folded
	uploads   inFlight
	deletes   inFlight
	reads     inFlight
	seen      map[string]string // in the records it accepted; see remember
	names     int               // of events
	profiles  []*Profile        // in order of creation
	events    []storedEvent     // its events
	answers   map[string]*later // of reads that take longer, by request id
	cursors   map[string]cursor
}

// inFlight counts requests.
type inFlight struct{ now, highest int }

// Record is one accepted record.
type Record struct {
	Number   int            `json:"number"` // from 1, over all accounts
	Account  string         `json:"account"`
	Request  int            `json:"request"`
	Position int            `json:"position"` // in the upload, from 1
	Time     time.Time      `json:"time"`     // of its request's arrival
	Type     string         `json:"type"`
	Key      string         `json:"key"` // which identity key
	ID       string         `json:"id"`
	Name     string         `json:"name,omitzero"` // an event's
	EventID  string         `json:"event_id,omitzero"`
	Raw      jsontext.Value `json:"record"` // as sent; in JSON without white space
}

// Profile is a user as all accepted records together made it.
type Profile struct {
	Account string                    `json:"account"`
	Key     string                    `json:"key"` // identity, objectId, FBID or GPID
	ID      string                    `json:"id"`
	Data    map[string]jsontext.Value `json:"data"` // merged profile data
}

// Deletion is one user whose deletion was accepted.
type Deletion struct {
	Account string `json:"account"`
	Key     string `json:"key"` // identity or objectId
	ID      string `json:"id"`
}

// Server is the fake. It is an http.Handler and safe for concurrent use.
type Server struct {
	seed uint64

	mu        sync.Mutex
	accounts  map[string]*account
	order     []*account // in the order in which they were set
	faults    []*activeFault
	requests  []*Request
	records   []Record
	warnings  []Warning
	deletions []Deletion
}

// New returns a Server. It panics if a fault or an account of the configuration is wrong, because only a mistake in
// the test can cause that.
func New(config Config) *Server {
	s := &Server{seed: config.Seed, accounts: map[string]*account{}}
	for _, a := range config.Accounts {
		s.SetAccount(a)
	}
	s.AddFault(config.Faults...)
	return s
}

// SetAccount adds an account, or changes the settings of one. What was recorded of it stays. It panics on one that
// [Account.Check] refuses.
func (s *Server) SetAccount(settings Account) {
	if err := settings.Check(); err != nil {
		panic(err)
	}
	settings.Region, settings.InFlight = cmp.Or(settings.Region, "eu1"), cmp.Or(settings.InFlight, 15)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[settings.ID]
	if a == nil {
		a = &account{seen: map[string]string{}, answers: map[string]*later{}, cursors: map[string]cursor{}}
		s.accounts[settings.ID] = a
		s.order = append(s.order, a)
	}
	a.Account, a.discarded = settings, map[string]bool{}
	a.zone, _ = time.LoadLocation(settings.TimeZone) // it was checked
	for _, name := range settings.Discarded {
		a.discarded[fold(name)] = true
	}
}

// Records returns an account's accepted records in order of arrival; those of every account for "".
func (s *Server) Records(account string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	others := func(r Record) bool { return account != "" && r.Account != account }
	return slices.DeleteFunc(slices.Clone(s.records), others)
}

// Requests returns every request in order of arrival, refused ones included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
	}
	return all
}

// Warnings returns all warnings in the order in which they arose.
func (s *Server) Warnings() []Warning {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.warnings)
}

// Duplicates returns the warnings of events that were accepted again.
func (s *Server) Duplicates() []Warning {
	return slices.DeleteFunc(s.Warnings(), func(w Warning) bool { return w.Rule != Repeated })
}

// Profiles returns the users of all accounts, in order of creation within each account.
func (s *Server) Profiles() []Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Profile
	for _, a := range s.order {
		for _, p := range a.profiles {
			copied := *p
			copied.Data = maps.Clone(p.Data)
			all = append(all, copied)
		}
	}
	return all
}

// Deletions returns the deleted users in order.
func (s *Server) Deletions() []Deletion {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deletions)
}

// HighestInFlight returns the most uploads that an account ever had under way at once. One that was refused for being
// too many counts: it was sent.
func (s *Server) HighestInFlight(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[id].uploads.highest
}

// ServeHTTP answers one request as CleverTap would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.receive(r).write(w, r) }
