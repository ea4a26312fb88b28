package clevertaptest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/network"
)

// Listener serves a Server on a loopback address.
type Listener struct {
	URL  string // "http://127.0.0.1:40123"
	http *http.Server
}

// Listen serves HTTP on a loopback address such as "127.0.0.1:0"; others are refused.
func (s *Server) Listen(address string) (*Listener, error) {
	if err := CheckLoopback(address); err != nil {
		return nil, err
	}
	socket, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &Listener{"http://" + socket.Addr().String(), &http.Server{
		// What goes wrong on a connection is meant to.
		Handler: s, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}}
	go func() { _ = l.http.Serve(socket) }() // ends when it is closed
	return l, nil
}

// Close ends the listener and all its connections, requests under way included.
func (l *Listener) Close() error { return l.http.Close() }

// CheckLoopback returns an error for an address that others could reach.
func CheckLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: want host:port", address)
	}
	if !network.IsLoopback(host) {
		return fmt.Errorf("address %q: not on loopback", address)
	}
	return nil
}

// jsonOptions write durations as "250ms", maps in order and records as they are, and take no unknown keys.
var jsonOptions = json.JoinOptions(
	json.Deterministic(true),
	json.RejectUnknownMembers(true),
	jsontext.PreserveRawStrings(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, d time.Duration) error {
		return e.WriteToken(jsontext.String(d.String()))
	})),
	json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, to *time.Duration) error {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		*to, err = time.ParseDuration(token.String())
		return err
	})),
)

// ParseFaults reads a list of faults, or a single one, in JSON.
func ParseFaults(text []byte) (faults []Fault, err error) {
	if jsontext.Value(text).Kind() != '[' {
		text = slices.Concat([]byte{'['}, text, []byte{']'})
	}
	err = json.Unmarshal(text, &faults, jsonOptions)
	for i := 0; err == nil && i < len(faults); i++ {
		err = faults[i].Check()
	}
	return faults, err
}

// Admin returns the handler of the admin API. It is not protected and belongs on loopback.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	show := func(pattern string, value func() any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { respond(w, http.StatusOK, value()) })
	}
	mux.HandleFunc("GET /{$}", s.showPage)
	ok := map[string]string{"status": "ok"}
	show("GET /records", func() any { return s.Records("") })
	show("GET /requests", func() any { return s.Requests() })
	show("GET /warnings", func() any { return s.Warnings() })
	show("GET /profiles", func() any { return s.Profiles() })
	show("GET /deletions", func() any { return s.Deletions() })
	command := func(pattern string, execute func(text []byte) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(r.Body)
			if err == nil {
				err = execute(text)
			}
			if err != nil {
				respond(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
				return
			}
			respond(w, http.StatusOK, ok)
		})
	}
	command("DELETE /faults", func([]byte) error { s.ClearFaults(); return nil })
	command("POST /faults", func(text []byte) error {
		faults, err := ParseFaults(text)
		if err == nil {
			s.AddFault(faults...)
		}
		return err
	})
	command("POST /accounts", func(text []byte) error {
		var a Account
		err := json.Unmarshal(text, &a, jsonOptions)
		if err == nil {
			err = a.Check()
		}
		if err == nil {
			s.SetAccount(a)
		}
		return err
	})
	return mux
}

func respond(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, value, jsonOptions) // whoever asked may be gone
}
