package clevertaptest

import (
	"net/http"
	"sync"
	"time"
)

// Config sets a Server up. Every field but Accounts may stay empty.
type Config struct {
	Accounts []Account
	Seed     uint64           // makes every choice of the server repeatable
	Region   string           // the region of requests whose host is none of CleverTap's; empty: such requests reach every account
	Faults   []Fault          // in force from the start and again after a Reset
	Digests  bool             // keep SHA-256 digests of records and no bodies, for long runs
	Now      func() time.Time // the server's clock; nil: time.Now
}

// Server is the stand-in. It is an http.Handler and safe for concurrent use.
type Server struct {
	config Config
	now    func() time.Time
	turns  turns

	mu         sync.Mutex
	accounts   map[string]*account
	order      []*account // in the order in which they were set
	rules      []*rule
	requests   []*Request
	records    []Record
	objections []Objection
	duplicates []Duplicate
	deletions  []Deletion
	listeners  []*Listener
}

// New makes a Server. It panics if a fault of the set-up is none, because only a mistake in the test can cause that.
func New(config Config) *Server {
	s := &Server{config: config, now: config.Now, accounts: map[string]*account{}}
	if s.now == nil {
		s.now = time.Now
	}
	for _, a := range config.Accounts {
		s.SetAccount(a)
	}
	s.AddFault(config.Faults...)
	return s
}

// ServeHTTP answers one request as CleverTap would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.receive(r, s.config.Region).write(w, r)
}

// Regional gives a handler with a region of its own, for requests whose host is none of CleverTap's.
func (s *Server) Regional(region string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.receive(r, region).write(w, r)
	})
}

// Reset forgets what was recorded and all faults, then puts accounts and faults back as they were set up. Requests
// under way keep their places in flight.
func (s *Server) Reset() {
	s.mu.Lock()
	s.requests, s.records, s.objections, s.duplicates, s.deletions, s.rules = nil, nil, nil, nil, nil, nil
	for _, a := range s.order {
		a.restart()
	}
	s.mu.Unlock()
	s.turns.restart()
	s.AddFault(s.config.Faults...)
}
