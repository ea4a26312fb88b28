package clevertaptest

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errNoID = errors.New("account without an id")

// maxOrder is the size of what may be posted to the second port.
const maxOrder = 1 << 20

// jsonOptions are how the second port writes and reads JSON: durations as "250ms", maps in order, no unknown keys.
var jsonOptions = json.JoinOptions(
	json.Deterministic(true),
	json.RejectUnknownMembers(true),
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

// ParseFaults reads a list of faults, or a single one, in the JSON form of the second port.
func ParseFaults(text []byte) ([]Fault, error) {
	var faults []Fault
	var err error
	if jsontext.Value(text).Kind() == '[' {
		err = json.Unmarshal(text, &faults, jsonOptions)
	} else {
		faults = make([]Fault, 1)
		err = json.Unmarshal(text, &faults[0], jsonOptions)
	}
	for i := 0; err == nil && i < len(faults); i++ {
		err = faults[i].Check()
	}
	return faults, err
}

// Admin gives the handler of the second port: what the server recorded, and its controls, in JSON. It is not protected
// and belongs on loopback.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	show := func(pattern string, value func(*http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { respond(w, http.StatusOK, value(r)) })
	}
	show("GET /health", func(*http.Request) any { return map[string]string{"status": "ok"} })
	show("GET /records", func(r *http.Request) any { return list(s.recordsAsked(r)) })
	show("GET /requests", func(r *http.Request) any {
		return list(pick(s.Requests(), r, func(q Request) string { return q.Account }))
	})
	show("GET /objections", func(r *http.Request) any {
		return list(pick(s.Objections(), r, func(o Objection) string { return o.Account }))
	})
	show("GET /profiles", func(r *http.Request) any {
		return list(pick(s.Profiles(), r, func(p Profile) string { return p.Account }))
	})
	show("GET /duplicates", func(r *http.Request) any {
		return list(pick(s.Duplicates(), r, func(d Duplicate) string { return d.Account }))
	})
	show("GET /deletions", func(r *http.Request) any {
		return list(pick(s.Deletions(), r, func(d Deletion) string { return d.Account }))
	})
	show("GET /revenue", func(r *http.Request) any {
		return list(pick(s.Revenue(), r, func(v Revenue) string { return v.Account }))
	})
	show("GET /accounts", func(r *http.Request) any { return list(pick(s.Summaries(), r, func(a Summary) string { return a.ID })) })
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		done(w)
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		done(w)
	})
	mux.HandleFunc("POST /faults", order(func(text []byte) error {
		faults, err := ParseFaults(text)
		if err == nil {
			s.AddFault(faults...)
		}
		return err
	}))
	mux.HandleFunc("POST /accounts", order(func(text []byte) error {
		var a Account
		if err := json.Unmarshal(text, &a, jsonOptions); err != nil {
			return err
		}
		if a.ID == "" {
			return errNoID
		}
		s.SetAccount(a)
		return nil
	}))
	return mux
}

// recordsAsked narrows the records by account, number, identity key and id.
func (s *Server) recordsAsked(r *http.Request) []Record {
	query := r.URL.Query()
	after, _ := strconv.Atoi(query.Get("after"))
	records := s.RecordsAfter(query.Get("account"), after)
	if !query.Has("id") {
		return records
	}
	kept := records[:0]
	for _, record := range records {
		if record.ID == query.Get("id") && (!query.Has("key") || record.Key == query.Get("key")) {
			kept = append(kept, record)
		}
	}
	return kept
}

// pick keeps what belongs to the account that a request names, if it names one.
func pick[T any](all []T, r *http.Request, account func(T) string) []T {
	if !r.URL.Query().Has("account") {
		return all
	}
	var kept []T
	for _, one := range all {
		if account(one) == r.URL.Query().Get("account") {
			kept = append(kept, one)
		}
	}
	return kept
}

// list makes sure that nothing is shown as an empty list.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

// order answers a command that comes with a body.
func order(carryOut func([]byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
		if err == nil {
			err = carryOut(text)
		}
		if err != nil {
			respond(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		done(w)
	}
}

func done(w http.ResponseWriter) { respond(w, http.StatusOK, map[string]string{"status": "ok"}) }

func respond(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, value, jsonOptions) // Whoever asked may be gone.
}
