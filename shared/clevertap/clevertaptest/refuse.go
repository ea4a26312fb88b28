package clevertaptest

import (
	"slices"
	"time"
)

// reopenPause lies between two tries to listen again on an address that somebody else may just hold.
const reopenPause = 10 * time.Millisecond

// refuseIfDue closes the listeners for a while if the next request is one that should find them closed.
func (s *Server) refuseIfDue() {
	s.mu.Lock()
	listeners := slices.Clone(s.listeners)
	wait := time.Duration(0)
	now := s.now()
	for _, r := range s.rules {
		if len(listeners) > 0 && r.Kind == Refuse && r.left != 0 && r.seen >= r.From-1 && now.Sub(r.added) >= r.After {
			r.left, wait = 0, r.Wait
		}
	}
	s.mu.Unlock()
	if wait > 0 {
		for _, l := range listeners {
			l.shut(wait)
		}
	}
}

// shut closes the socket, so that connections are refused, and opens it again after a while. Idle connections are
// closed, and requests on others are reset.
func (l *Listener) shut(wait time.Duration) {
	l.mu.Lock()
	socket := l.socket
	l.socket = nil
	l.mu.Unlock()
	if socket == nil {
		return
	}
	_ = socket.Close()
	l.http.SetKeepAlivesEnabled(false)
	time.AfterFunc(wait, l.reopen)
}

func (l *Listener) reopen() {
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return
	}
	socket, err := open(l.address)
	if err != nil {
		time.AfterFunc(reopenPause, l.reopen)
		return
	}
	l.http.SetKeepAlivesEnabled(true)
	l.serve(socket)
}
