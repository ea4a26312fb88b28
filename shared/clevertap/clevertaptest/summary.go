package clevertaptest

import "maps"

// Summary is one account in figures.
type Summary struct {
	ID              string      `json:"id"`
	Region          string      `json:"region"`
	Label           string      `json:"label,omitzero"`
	Records         int         `json:"records"`
	Profiles        int         `json:"profiles"`
	Unknown         int         `json:"unknown"` // of them created by an id that the account did not know
	InFlight        int         `json:"in_flight"`
	HighestInFlight int         `json:"highest_in_flight"`
	DryRuns         int         `json:"dry_runs"`
	Deletions       int         `json:"deletions"`
	Objections      int         `json:"objections"`
	Duplicates      int         `json:"duplicates"`
	Refusals        map[int]int `json:"refusals"` // by code of the record or status of the request
}

// Summaries gives the figures of all accounts.
func (s *Server) Summaries() []Summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Summary, len(s.order))
	at := map[string]*Summary{}
	for i, a := range s.order {
		all[i] = Summary{
			ID: a.now.ID, Region: a.now.Region, Label: a.now.Label, Profiles: len(a.subscriberList), InFlight: a.uploads.taken,
			HighestInFlight: a.uploads.highest, DryRuns: a.dryRuns, Refusals: maps.Clone(a.refusals),
		}
		at[a.now.ID] = &all[i]
		for _, p := range a.subscriberList {
			if p.Unknown {
				all[i].Unknown++
			}
		}
	}
	for i := range s.records {
		at[s.records[i].Account].Records++
	}
	for i := range s.deletions {
		at[s.deletions[i].Account].Deletions++
	}
	for i := range s.duplicates {
		at[s.duplicates[i].Account].Duplicates++
	}
	for i := range s.objections {
		if summary := at[s.objections[i].Account]; summary != nil { // A trap may be called without naming an account.
			summary.Objections++
		}
	}
	return all
}
