package clevertaptest

import "slices"

// Account is one account's set-up. What is empty or zero means the default.
type Account struct {
	ID         string   `json:"id"`
	Region     string   `json:"region,omitzero"` // default eu1
	Label      string   `json:"label,omitzero"`  // a word for people, such as "sandbox"
	Passcodes  []string `json:"passcodes,omitempty"`
	Discarded  []string `json:"discarded,omitempty"`  // event names discarded in the dashboard
	Known      []string `json:"known,omitempty"`      // ids that the app's SDK has set, so that no profile is stray
	Blocked    bool     `json:"blocked,omitzero"`     // answered 403
	Operators  bool     `json:"operators,omitzero"`   // {"$add":[…]} and the like pass in profiles
	RetryAfter string   `json:"retry_after,omitzero"` // goes with every 429 for too many requests in flight
	Limits     Limits   `json:"limits,omitzero"`
}

// Limits are what an account allows.
type Limits struct {
	Records    int   `json:"records,omitzero"`    // per upload, default 1000
	Profiles   int   `json:"profiles,omitzero"`   // of them profile records, default 1000
	Tokens     int   `json:"tokens,omitzero"`     // of them tokens, default 100
	InFlight   int   `json:"in_flight,omitzero"`  // uploads, default 15
	Deletes    int   `json:"deletes,omitzero"`    // deletes in flight, default 3
	Bytes      int64 `json:"bytes,omitzero"`      // of a body, default 4 MiB
	Properties int   `json:"properties,omitzero"` // of an event or profile, default 100
}

// The vendor's numbers, and where it gives several the smallest (pages upload-events-api, upload-device-tokens-api and
// api-request-limit, November 2026). The size of a body is the stand-in's own.
var defaultLimits = Limits{Records: 1000, Profiles: 1000, Tokens: 100, InFlight: 15, Deletes: 3, Bytes: 4 << 20, Properties: 100}

func (l Limits) withDefaults() Limits {
	for _, pair := range [][2]*int{
		{&l.Records, &defaultLimits.Records}, {&l.Profiles, &defaultLimits.Profiles}, {&l.Tokens, &defaultLimits.Tokens},
		{&l.InFlight, &defaultLimits.InFlight}, {&l.Deletes, &defaultLimits.Deletes}, {&l.Properties, &defaultLimits.Properties},
	} {
		if *pair[0] == 0 {
			*pair[0] = *pair[1]
		}
	}
	if l.Bytes == 0 {
		l.Bytes = defaultLimits.Bytes
	}
	return l
}

// account is an account with all that the server remembers of it.
type account struct {
	given Account // as set, for a restart
	now   Account // as it stands, after faults
	book

	discarded map[string]bool
	known     map[string]bool
	uploads   place
	deletes   place
}

// place counts the requests in flight.
type place struct{ taken, highest int }

// SetAccount adds an account, or changes the set-up of one. What was recorded of it stays.
func (s *Server) SetAccount(set Account) {
	set.Region = regionCode(set.Region)
	set.Limits = set.Limits.withDefaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[set.ID]
	if a == nil {
		a = &account{book: newBook()}
		s.accounts[set.ID] = a
		s.order = append(s.order, a)
	}
	a.given = set
	a.settle()
}

// settle puts the set-up as given into force.
func (a *account) settle() {
	a.now = a.given
	a.now.Passcodes = slices.Clone(a.given.Passcodes)
	a.discarded, a.known = map[string]bool{}, map[string]bool{}
	for _, name := range a.given.Discarded {
		a.discarded[fold([]byte(name))] = true
	}
	for _, id := range a.given.Known {
		a.known[id] = true
	}
}

// restart forgets all but the set-up and the requests under way.
func (a *account) restart() {
	a.book = newBook()
	a.uploads.highest, a.deletes.highest = a.uploads.taken, a.deletes.taken
	a.settle()
}

// HighestInFlight gives the most uploads that an account ever had under way at once. One that was refused for being too
// many counts, although it took no place: it was sent.
func (s *Server) HighestInFlight(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[id]; a != nil {
		return a.uploads.highest
	}
	return 0
}
