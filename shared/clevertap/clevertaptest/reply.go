package clevertaptest

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// ending is how an answer ends, or why there is none.
type ending int

const (
	wholeEnd   ending = iota
	halfEnd           // cut off in the middle
	resetEnd          // connection reset
	refusedEnd        // no connection at all
	hangEnd           // silence
)

// reply is an answer before it is on the wire.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	blanks  int64 // before the body
	end     ending
	chunked bool
	last    bool          // closes the connection
	wait    time.Duration // before the first byte
	drip    time.Duration // before every byte
	finish  func()        // to be called when the answer is as good as given; more often does no harm
}

// write sends the answer over a connection, at its pace and with its fault.
func (p *reply) write(w http.ResponseWriter, r *http.Request) {
	defer p.finish()
	if p.end == hangEnd {
		<-r.Context().Done()
	}
	if !sleep(r.Context(), p.wait) || p.end == hangEnd || p.end == resetEnd || p.end == refusedEnd {
		p.finish()
		reset(w)
		return
	}
	maps.Copy(w.Header(), p.head())
	if !p.hasBody() {
		p.finish()
		w.WriteHeader(p.status)
		return
	}
	w.WriteHeader(p.status)
	p.send(w, r.Context())
}

// send writes the body, piece by piece where it is chunked or drips.
func (p *reply) send(w http.ResponseWriter, ctx context.Context) {
	flush := http.NewResponseController(w)
	if p.chunked {
		_ = flush.Flush() // Without a length and with something sent already, the rest goes in chunks.
	}
	body := p.stream(ctx)
	piece := make([]byte, 64<<10)
	for {
		n, err := body.Read(piece)
		if n > 0 {
			if _, gone := w.Write(piece[:n]); gone != nil {
				return
			}
			if p.drip > 0 || p.end == halfEnd {
				_ = flush.Flush()
			}
		}
		switch {
		case err == nil:
		case p.end == halfEnd:
			p.finish()
			panic(http.ErrAbortHandler) // The way to close a connection in the middle of an answer.
		default:
			return
		}
	}
}

// head gives the headers with the framing that was chosen.
func (p *reply) head() http.Header {
	h := p.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if p.last {
		h.Set("Connection", "close")
	}
	if !p.chunked && p.hasBody() {
		h.Set("Content-Length", strconv.FormatInt(p.length(), 10))
	}
	return h
}

func (p *reply) length() int64 { return p.blanks + int64(len(p.body)) }

// hasBody tells whether HTTP lets such an answer have a body.
func (p *reply) hasBody() bool {
	return p.status != http.StatusNoContent && p.status != http.StatusNotModified
}

// reset closes a connection in a way that the sender notices as a reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // Not a connection of its own, as in HTTP/2: the stream is reset.
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // Without lingering, closing sends a reset.
	}
	_ = conn.Close()
}

// sleep waits, and tells whether it could wait to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
