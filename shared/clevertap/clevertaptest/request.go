package clevertaptest

import (
	"net/http"
	"slices"
	"time"
)

// masked stands where a passcode stood.
const masked = "[secret]"

// Request is what the server keeps of one request, refused ones included.
type Request struct {
	Number   int           `json:"number"` // from 1, in order of arrival
	Time     time.Time     `json:"time"`
	Account  string        `json:"account,omitzero"` // as its header named it
	Host     string        `json:"host"`             // the host it was meant for
	Method   string        `json:"method"`
	Path     string        `json:"path"` // without that host
	Query    string        `json:"query,omitzero"`
	Header   http.Header   `json:"header"` // the passcode masked
	Size     int64         `json:"size"`   // of the body, as read or announced
	Records  int           `json:"records"`
	Accepted int           `json:"accepted"` // of them, by the answer as it was before any fault; none is stored of a dry run
	DryRun   bool          `json:"dry_run,omitzero"`
	InFlight int           `json:"in_flight"` // of its account on arrival, itself included
	Status   int           `json:"status"`    // 0: no answer
	Answer   Text          `json:"answer,omitempty"`
	Faults   []Kind        `json:"faults,omitempty"`
	Duration time.Duration `json:"duration"` // until just before the last byte of the answer
}

// Text is bytes that JSON shows as a string, exact to the byte.
type Text []byte

// MarshalText gives the bytes themselves.
func (t Text) MarshalText() ([]byte, error) { return t, nil }

// UnmarshalText copies the bytes.
func (t *Text) UnmarshalText(text []byte) error {
	*t = slices.Clone(text)
	return nil
}

// Requests gives every request in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
		all[i].Faults = slices.Clone(r.Faults)
	}
	return all
}
