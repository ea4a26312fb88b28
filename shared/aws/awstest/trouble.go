package awstest

import (
	"net/http"
	"time"
)

// Trouble is what goes wrong with a service's calls.
type Trouble struct {
	Operation   string        // the operation it befalls; "" stands for all
	Times       int           // how many calls it befalls; 0 stands for all, until it is taken away
	Delay       time.Duration // before anything else; alone, the call only takes longer
	Hang        bool          // no answer, ever
	Reset       bool          // the connection is cut
	Status      int           // an answer with this status, and Code
	Code        string
	AfterEffect bool // it befalls the answer only: the call has taken effect
}

// Troubles that have a name.
var (
	Hang     = Trouble{Hang: true}
	Reset    = Trouble{Reset: true}
	Down     = Trouble{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable"}
	Broken   = Trouble{Status: http.StatusInternalServerError, Code: "InternalFailure"}
	Throttle = Trouble{Status: http.StatusBadRequest, Code: "ThrottlingException"}
)

// Trouble replaces the troubles of a service; without any it works. Of several the first that fits a call befalls it.
func (s *Service) Trouble(troubles ...Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = append([]Trouble(nil), troubles...)
	for i := range s.trouble {
		if s.trouble[i].Times == 0 {
			s.trouble[i].Times = -1
		}
	}
}

// due gives the trouble of the next call; s.mu is held.
func (s *Service) due(operation string) *Trouble {
	for i := range s.trouble {
		t := &s.trouble[i]
		if t.Times == 0 || t.Operation != "" && t.Operation != operation {
			continue
		}
		if t.Times > 0 {
			t.Times--
		}
		copied := *t
		return &copied
	}
	return nil
}

// happen lets the trouble happen and tells whether the call goes on afterwards.
func (t *Trouble) happen(s *Service, w http.ResponseWriter, r *http.Request, closing <-chan struct{}) bool {
	if t.Delay > 0 && !pause(r, t.Delay, closing) {
		return false
	}
	switch {
	case t.Hang:
		select {
		case <-r.Context().Done():
		case <-closing:
		}
	case t.Reset:
		panic(http.ErrAbortHandler)
	case t.Status != 0:
		s.refuse(w, &Refusal{Status: t.Status, Code: t.Code, Message: "as told by the test"})
	default:
		return true
	}
	return false
}

// pause waits, and tells whether the caller has waited as well.
func pause(r *http.Request, d time.Duration, closing <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-closing:
	}
	return false
}
