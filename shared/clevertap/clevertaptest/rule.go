package clevertaptest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// rule is a fault in force.
type rule struct {
	Fault
	added time.Time
	seen  int // requests that it could have befallen
	left  int // requests that it may still befall; -1: no end
	times map[[sha256.Size]byte]int
}

// AddFault puts faults into force, behind those already there. It panics on one that [Fault.Check] refuses.
func (s *Server) AddFault(faults ...Fault) {
	s.mu.Lock()
	for _, f := range faults {
		if err := f.Check(); err != nil {
			s.mu.Unlock()
			panic(err)
		}
		r := &rule{Fault: f.withDefaults(), added: s.now(), left: -1, times: map[[sha256.Size]byte]int{}}
		if f.Count > 0 {
			r.left = f.Count
		}
		s.rules = append(s.rules, r)
	}
	s.mu.Unlock()
	s.refuseIfDue()
}

// ClearFaults ends all faults. Passcodes and limits that they changed stay changed.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}

// applies tells whether a rule is about such a request at all.
func (r *rule) applies(account, path string, now time.Time) bool {
	age := now.Sub(r.added)
	return (r.Account == "" || r.Account == account) && (r.Path == "" || r.Path == path) && age >= r.After && (r.Until == 0 || age < r.Until)
}

// count counts a request against the rules of its stages and keeps those that are due for it.
func (v *visit) count(stages func(stage) bool) {
	s := v.server
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	v.due = v.due[:0]
	for _, r := range s.rules {
		if !stages(stageOf(r)) || !r.applies(v.record.Account, v.record.Path, now) {
			continue
		}
		r.seen++
		hit := r.Rate == 0 || v.chance.Float64() < r.Rate // Rolled for every request, so that rules do not shift one another's luck.
		if hit && r.seen >= r.From && r.left != 0 {
			v.due = append(v.due, r)
		}
	}
}

func stageOf(r *rule) stage { return stages[r.Kind] }

// take uses up the first due fault of a stage that also meets a condition, and notes it in the request. It holds the
// server's lock while it asks.
func (v *visit) take(at stage, meets func(*rule) bool) *rule {
	s := v.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range v.due {
		if stageOf(r) != at || r.left == 0 || meets != nil && !meets(r) {
			continue
		}
		if r.left > 0 {
			r.left--
		}
		v.due = slices.Delete(v.due, i, i+1)
		if !slices.Contains(v.record.Faults, r.Kind) {
			v.record.Faults = append(v.record.Faults, r.Kind)
		}
		return r
	}
	return nil
}

// applyState lets passcodes die and limits change. Both hit their account before it is asked for either.
func (v *visit) applyState() {
	v.count(func(at stage) bool { return at == arrivalStage })
	for {
		r := v.take(arrivalStage, func(r *rule) bool { return v.account != nil })
		if r == nil {
			return
		}
		v.server.mu.Lock()
		if r.Kind == Throttle {
			v.account.now.Limits.InFlight = r.InFlight
		} else {
			v.account.now.Passcodes = nil
			if r.Passcode != "" {
				v.account.now.Passcodes = []string{r.Passcode}
			}
		}
		r.left = 0
		v.server.mu.Unlock()
	}
}

// chosen tells whether a passing fault means a record, and uses up one of its times for it. The choice goes by the
// record's bytes: the same record is chosen in every upload.
func (r *rule) chosen(raw []byte, seed uint64) bool {
	if !bytes.Contains(raw, []byte(r.Marker)) {
		return false
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(raw), seed))
	luck := float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
	if r.Share > 0 && luck >= r.Share || r.times[sum] >= r.Times {
		return false
	}
	r.times[sum]++
	return true
}
