package clevertaptest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"
)

// ending is how an answer ends, or why there is none.
type ending int

const (
	whole ending = iota
	half         // cut off in the middle
	reset        // connection reset
	hang         // silence
)

// reply is an answer before it is on the wire.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	end     ending
	wait    time.Duration // before the first byte
	drip    time.Duration // before every byte
	release func()        // frees the request's slot in flight; calling it again does no harm
}

// errorReply is an error in JSON, with the three keys that CleverTap uses.
func errorReply(status int, words string) *reply {
	return jsonReply(status, fmt.Sprintf(`{"status":"fail","error":%q,"code":%d}`, words, status))
}

// malformed is the answer to what is no upload.
func malformed() *reply { return errorReply(http.StatusBadRequest, "body cannot be read") }

func jsonReply(status int, body string) *reply {
	header := http.Header{"Content-Type": {"application/json;charset=utf-8"}}
	return &reply{status: status, body: []byte(body), header: header}
}

// page is an answer in HTML.
func page(status int) *reply {
	body := fmt.Appendf(nil, "<html><body>%d %s</body></html>\n", status, http.StatusText(status))
	return &reply{status: status, body: body, header: http.Header{"Content-Type": {"text/html"}}}
}

// delay waits as an answer does before its first byte, and reports whether anything comes then.
func (p *reply) delay(ctx context.Context) bool {
	if p.end == hang {
		<-ctx.Done()
	}
	return sleep(ctx, p.wait) && p.end != reset
}

// write sends the answer over a connection.
func (p *reply) write(w http.ResponseWriter, r *http.Request) {
	defer p.release()
	if !p.delay(r.Context()) {
		p.release()
		resetConnection(w)
		return
	}
	maps.Copy(w.Header(), p.header)
	if p.end == half {
		w.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
	}
	w.WriteHeader(p.status)
	flush := http.NewResponseController(w)
	body, piece := p.reader(r.Context()), make([]byte, 64<<10)
	for {
		n, err := body.Read(piece)
		if _, gone := w.Write(piece[:n]); gone != nil {
			return
		}
		if p.drip > 0 || p.end == half {
			_ = flush.Flush()
		}
		if err != nil {
			break
		}
	}
	if p.end == half {
		panic(http.ErrAbortHandler) // closes the connection in the middle of an answer
	}
}

// resetConnection closes a connection in a way that the sender notices as a reset.
func resetConnection(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // not a connection of its own, as in HTTP/2: the stream is reset
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without lingering, closing sends a reset
	}
	_ = connection.Close()
}

// bodyReader reads an answer's body as it travels: slowly if it drips, and cut in the middle if it ends so.
type bodyReader struct {
	*reply
	ctx  context.Context
	rest []byte
}

func (p *reply) reader(ctx context.Context) *bodyReader {
	if p.end == half {
		return &bodyReader{p, ctx, p.body[:len(p.body)/2]}
	}
	return &bodyReader{p, ctx, p.body}
}

// Read frees the slot before it returns the last bytes: nobody who has read an answer to its end is in flight.
func (b *bodyReader) Read(into []byte) (int, error) {
	if len(b.rest) == 0 {
		b.release()
		if b.end == half {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, io.EOF
	}
	if b.drip > 0 && len(into) > 0 {
		if !sleep(b.ctx, b.drip) {
			b.release()
			return 0, b.ctx.Err()
		}
		into = into[:1]
	}
	n := copy(into, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) == 0 {
		b.release()
	}
	return n, nil
}

func (b *bodyReader) Close() error {
	b.release()
	return nil
}

// sleep waits, and reports whether it could wait to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// transport calls the server without a network.
type transport struct{ server *Server }

// Transport returns a RoundTripper that calls the server in the same process, for tests in virtual time. Faults of
// the connection come back as the errors of a network. Nothing but the request's own context ends a wait.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in := r.Clone(ctx)
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil { // as a client may have it, and a server never
		in.Body = http.NoBody
	}
	defer func() { _ = in.Body.Close() }()
	p := t.server.receive(in)
	if !p.delay(ctx) {
		p.release()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	if p.drip == 0 {
		p.release() // a server would have sent the last byte by now
	}
	return &http.Response{
		Status: strconv.Itoa(p.status) + " " + http.StatusText(p.status), StatusCode: p.status, Proto: "HTTP/1.1",
		ProtoMajor: 1, ProtoMinor: 1, Header: p.header, Request: r,
		ContentLength: int64(len(p.body)), Body: p.reader(ctx),
	}, nil
}
