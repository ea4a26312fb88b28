package clevertaptest

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// visit is one request on its way through the server.
type visit struct {
	server  *Server
	http    *http.Request
	chance  *rand.Rand
	record  *Request // what is kept; changed under the server's lock only
	region  string   // that was asked for; "": any
	account *account // nil until its header named one that is known
	place   *place   // taken in flight, nil if none
	due     []*rule
	begun   time.Time
}

// receive takes a request from its headers to its answer.
func (s *Server) receive(r *http.Request, region string) *reply {
	v := s.arrive(r, region)
	p := v.work()
	turn := next(&s.turns.answer, 6) // Six turns go through both ways of framing with and without closing.
	p.chunked = p.chunked || turn%2 == 1 && p.end == wholeEnd
	p.last = p.last || turn%3 == 2
	p.finish = sync.OnceFunc(v.leave)
	v.note(func(r *Request) {
		if p.end == wholeEnd || p.end == halfEnd {
			r.Status = p.status
		}
		if !s.config.Digests {
			r.Answer = p.body
		}
	})
	return p
}

// arrive numbers a request and notes what its headers say.
func (s *Server) arrive(r *http.Request, region string) *visit {
	host, path := splitHost(r.URL.Path)
	if host == "" {
		host = r.Host
	}
	if asked := regionOf(host); asked != "" {
		region = asked
	} else if region != "" {
		region = regionCode(region)
	}
	header := r.Header.Clone()
	for i := range header[passcodeHeader] {
		header[passcodeHeader][i] = masked
	}
	v := &visit{server: s, http: r, region: region, begun: s.now()}
	v.record = &Request{
		Time: v.begun, Account: r.Header.Get(accountHeader), Host: host, Method: r.Method, Path: path, Query: r.URL.RawQuery, Header: header,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, v.record)
	v.record.Number = len(s.requests)
	v.chance = chance(s.config.Seed, v.record.Number)
	v.account = s.accounts[v.record.Account]
	return v
}

// work walks through the rules for whole requests and, if all are kept, does what the request asks for.
func (v *visit) work() *reply {
	v.applyState()
	for _, gate := range [...]func() *reply{v.findPath, v.checkCredentials, v.takePlace, v.checkHeaders} {
		if p := gate(); p != nil {
			v.seekPasscodes(nil)
			return v.refuse(p)
		}
	}
	body, p := v.readBody()
	v.seekPasscodes(body)
	if p != nil {
		return v.refuse(p)
	}
	if v.record.Path == deletePath {
		return v.delete(body)
	}
	return v.upload(body)
}

// refuse counts a refusal of the whole request.
func (v *visit) refuse(p *reply) *reply {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	if v.account != nil {
		v.account.refusals[p.status]++
	}
	return p
}

// note changes what is kept of the request.
func (v *visit) note(change func(*Request)) {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	change(v.record)
}

// leave gives the place in flight back, just before the last byte of the answer goes out.
func (v *visit) leave() {
	s := v.server
	s.mu.Lock()
	v.record.Duration = s.now().Sub(v.begun)
	if v.place != nil {
		v.place.taken--
	}
	s.mu.Unlock()
	s.refuseIfDue()
}

// effects counts a request that keeps all rules against the faults and gives what stops it before its records are
// looked at.
func (v *visit) effects(size int) (front *rule) {
	v.count(func(at stage) bool { return at != arrivalStage })
	return v.take(frontStage, func(r *rule) bool { return r.Over == 0 || int64(size) > r.Over })
}

// finishing adds the faults of the wire and of time.
func (v *visit) finishing(p *reply) *reply {
	if r := v.take(wireStage, nil); r != nil {
		p.spoil(r.Kind)
	}
	return v.pausing(p)
}

// pausing adds the faults of time.
func (v *visit) pausing(p *reply) *reply {
	if r := v.take(pauseStage, nil); r != nil && r.Kind == Latency {
		p.wait = r.Wait
	} else if r != nil {
		p.drip = r.Wait
	}
	return p
}

// judge copies what the rules need of the account's set-up, so that it stays the same for the length of the request.
func (v *visit) judge() *judge {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	a := v.account
	return &judge{limits: a.now.Limits, discarded: a.discarded, operators: a.now.Operators, now: v.server.now()}
}
