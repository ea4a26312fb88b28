package clevertaptest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

var errNotLoopback = errors.New("address is not on loopback")

// headerPatience is how long a sender may take for its headers.
const headerPatience = 10 * time.Second

// Listener serves a Server on a loopback address.
type Listener struct {
	URL   string         // "http://127.0.0.1:40123"
	Roots *x509.CertPool // what a client of an HTTPS listener has to trust; nil for HTTP

	server  *Server
	http    *http.Server
	secure  *tls.Config
	address string
	serving sync.WaitGroup

	mu     sync.Mutex
	socket net.Listener // nil while connections are refused
	closed bool
}

// Listen serves HTTP on a loopback address such as "127.0.0.1:0"; others are refused. The region is the listener's own,
// for requests whose host is none of CleverTap's; empty, they reach every account.
//
// A [Refuse] fault closes all listeners of the server just before the request that it is meant for could arrive, for as
// long as its Wait says, and is over then.
func (s *Server) Listen(address, region string) (*Listener, error) {
	return s.listen(address, region, nil, nil)
}

// ListenTLS serves HTTPS with a certificate of its own, which [Listener.Roots] trusts, for 127.0.0.1, ::1, localhost and
// CleverTap's hosts.
func (s *Server) ListenTLS(address, region string) (*Listener, error) {
	certificate, roots, err := newCertificate()
	if err != nil {
		return nil, err
	}
	return s.listen(address, region, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, roots)
}

func (s *Server) listen(address, region string, secure *tls.Config, roots *x509.CertPool) (*Listener, error) {
	if err := CheckLoopback(address); err != nil {
		return nil, err
	}
	socket, err := open(address)
	if err != nil {
		return nil, err
	}
	l := &Listener{URL: "http://" + socket.Addr().String(), Roots: roots, server: s, secure: secure, address: socket.Addr().String()}
	if secure != nil {
		l.URL = "https://" + l.address
	}
	if region == "" {
		region = s.config.Region
	}
	regional := s.Regional(region)
	l.http = &http.Server{
		TLSConfig:         secure,
		ReadHeaderTimeout: headerPatience,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // What goes wrong on a connection is meant to.
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if l.refusing() {
				reset(w)
				return
			}
			regional.ServeHTTP(w, r)
		}),
	}
	l.serve(socket)
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	s.refuseIfDue()
	return l, nil
}

// open listens on an address. There is nothing to wait for that a context could end.
func open(address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(context.Background(), "tcp", address)
}

// CheckLoopback refuses an address that others could reach.
func CheckLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: want host:port", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address %q: %w", address, errNotLoopback)
	}
	return nil
}

// Close ends the listener and all its connections, requests under way included.
func (l *Listener) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	err := l.http.Close()
	l.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // A fault has closed the socket, and its server has not noticed yet.
	}
	return err
}

func (l *Listener) serve(socket net.Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = socket.Close()
		return
	}
	l.socket = socket
	l.serving.Go(func() {
		if l.secure != nil {
			_ = l.http.ServeTLS(socket, "", "") // It only ever ends by a close.
			return
		}
		_ = l.http.Serve(socket)
	})
}

func (l *Listener) refusing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.socket == nil
}
