package clevertaptest

import (
	"crypto/sha256"
	"maps"
	"slices"
	"time"
)

// Record is one accepted record.
type Record struct {
	Number   int       `json:"number"` // from 1, over all accounts
	Account  string    `json:"account"`
	Request  int       `json:"request"`
	Position int       `json:"position"` // in the upload, from 1
	Time     time.Time `json:"time"`     // of its request's arrival
	Type     string    `json:"type"`
	Key      string    `json:"key"` // which identity key
	ID       string    `json:"id"`
	Name     string    `json:"name,omitzero"` // an event's
	EventID  string    `json:"event_id,omitzero"`
	Raw      Text      `json:"raw,omitempty"`    // as sent; empty where digests are kept
	Digest   Text      `json:"digest,omitempty"` // hexadecimal SHA-256 of the raw bytes, where digests are kept
}

// Duplicate is an event whose event_id and name had been accepted before.
type Duplicate struct {
	Account string `json:"account"`
	EventID string `json:"event_id"`
	Name    string `json:"name"`
	First   int    `json:"first"`  // number of the record that was first
	Number  int    `json:"number"` // number of this one
}

// store takes a request's good records in, all at once.
func (v *visit) store(findings []finding) {
	s := v.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range findings {
		f := &findings[i]
		if f.code != 0 {
			v.account.refusals[f.code]++
			continue
		}
		number := len(s.records) + 1
		record := Record{
			Number: number, Account: v.account.now.ID, Request: v.record.Number, Position: f.position, Time: v.record.Time,
			Type: f.kind, Key: f.key, ID: f.id, Name: f.name, EventID: f.eventID,
		}
		if s.config.Digests {
			record.Digest = digest(f.node.raw)
		} else {
			record.Raw = f.node.raw
		}
		first := v.account.accepted[eventKey{f.eventID, f.name}]
		v.account.learn(f, number)
		if f.kind != "token" {
			v.account.merge(f, v.record.Number)
		}
		if first != 0 {
			s.duplicates = append(s.duplicates, Duplicate{record.Account, f.eventID, f.name, first, number})
		}
		for _, r := range f.remarks {
			s.objections = append(s.objections, Objection{record.Account, v.record.Number, f.position, r.rule, r.key})
		}
		s.records = append(s.records, record)
	}
}

func digest(raw []byte) Text {
	const digits = "0123456789abcdef"
	text := make(Text, 0, 2*sha256.Size)
	for _, b := range sha256.Sum256(raw) {
		text = append(text, digits[b>>4], digits[b&15])
	}
	return text
}

// Records gives an account's accepted records in order of arrival; those of every account for "".
func (s *Server) Records(account string) []Record { return s.RecordsAfter(account, 0) }

// RecordsAfter gives the records with a number above one already seen.
func (s *Server) RecordsAfter(account string, number int) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	later := slices.Clone(s.records[min(max(number, 0), len(s.records)):])
	if account == "" {
		return later
	}
	return slices.DeleteFunc(later, func(r Record) bool { return r.Account != account })
}

// RecordsOf gives the records of one user in order.
func (s *Server) RecordsOf(account, key, id string) []Record {
	return slices.DeleteFunc(s.Records(account), func(r Record) bool { return r.Key != key || r.ID != id })
}

// Duplicates gives the events that were accepted again, in order.
func (s *Server) Duplicates() []Duplicate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.duplicates)
}

// Refusals counts what an account was refused, by the code of the record or the status of the request. What injected
// faults answered is no refusal, except for the code of [Passing].
func (s *Server) Refusals(account string) map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[account]; a != nil {
		return maps.Clone(a.refusals)
	}
	return nil
}

// DryRuns counts an account's dry runs that were answered 200.
func (s *Server) DryRuns(account string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[account]; a != nil {
		return a.dryRuns
	}
	return 0
}
