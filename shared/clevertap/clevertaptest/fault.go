package clevertaptest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
)

// Kind names what a fault does.
type Kind string

// The kinds, by the point of a request's way at which they act. One request meets at most one fault of most groups.
// "Stored" means that the records are in, whatever the sender learns.
const (
	Expire   Kind = "expire"   // all passcodes die, Passcode lives
	Throttle Kind = "throttle" // the in-flight limit becomes InFlight

	Hang        Kind = "hang"         // no answer for as long as the sender waits; stored if Stored
	Status      Kind = "status"       // Status with Body and RetryAfter, for bodies over Over; stored if Stored
	ResetBefore Kind = "reset_before" // connection reset, nothing stored

	Poison    Kind = "poison"    // uploads with a record that holds Marker are answered Status whole, nothing stored
	Transient Kind = "transient" // a Share of the good records, or those with Marker, refused with Code, Times each
	Drop      Kind = "drop"      // the same, answered as accepted and never stored, as by an account's schema

	NoIndex    Kind = "no_index"    // entries without the skip text
	NoEcho     Kind = "no_echo"     // entries without record
	NoCode     Kind = "no_code"     // entries without code
	WrongIndex Kind = "wrong_index" // entries with a wrong number: Index is zero, beyond or other; empty: one of them
	BadCount   Kind = "bad_count"   // processed off by By; 0: by one, up or down
	NoCount    Kind = "no_count"    // no processed
	BareFail   Kind = "bare_fail"   // stored; status and error, nothing else
	EmptyFail  Kind = "empty_fail"  // stored; fail, 0 processed, an empty list

	ResetAfter Kind = "reset_after" // stored, then the connection reset
	Half       Kind = "half"        // stored; length announced, half the body, connection closed
	Garbage    Kind = "garbage"     // stored; 200 with HTML
	Empty      Kind = "empty"       // stored; 200 without a body
	Huge       Kind = "huge"        // stored; more than 16 MiB of blanks before the answer

	Gzip    Kind = "gzip"            // the answer compressed, though nobody asked for that
	BOM     Kind = "byte_order_mark" // the answer behind a byte order mark
	Success Kind = "success"         // the answer with another Status of success, default 201

	Latency Kind = "latency" // Wait before the answer, the records stored
	Trickle Kind = "trickle" // the answer comes byte by byte, one each Wait
)

var kinds = []Kind{
	Expire, Throttle, Hang, Status, ResetBefore, Poison, Transient, Drop, NoIndex, NoEcho, NoCode, WrongIndex, BadCount,
	NoCount, BareFail, EmptyFail, ResetAfter, Half, Garbage, Empty, Huge, Gzip, BOM, Success, Latency, Trickle,
}

// Fault describes which requests fail, and how. Zero fields mean the default. All kinds but [Expire] and [Throttle]
// concern only requests that keep the rules for whole requests.
type Fault struct {
	Kind    Kind          `json:"kind"`
	Account string        `json:"account,omitzero"` // default every account
	Path    string        `json:"path,omitzero"`    // default every path
	Count   int           `json:"count,omitzero"`   // how many requests, of drop how many records; default all
	Rate    float64       `json:"rate,omitzero"`    // at random, 0 to 1; default always
	Until   time.Duration `json:"until,omitzero"`   // ends so long after it was added; default never

	Wait       time.Duration `json:"wait,omitzero"`        // of latency and trickle
	Status     int           `json:"status,omitzero"`      // default 503; of poison 400, of success 201
	Body       string        `json:"body,omitzero"`        // of status and poison: json (default), html or empty
	RetryAfter string        `json:"retry_after,omitzero"` // the header's value
	Over       int           `json:"over,omitzero"`        // only bodies of more bytes
	Stored     bool          `json:"stored,omitzero"`
	Index      string        `json:"index,omitzero"`
	By         int           `json:"by,omitzero"`
	Marker     string        `json:"marker,omitzero"` // a text in the record's bytes
	Share      float64       `json:"share,omitzero"`  // of the records, chosen by their bytes; default all
	Times      int           `json:"times,omitzero"`  // default 1
	Code       int           `json:"code,omitzero"`   // default 555
	Passcode   string        `json:"passcode,omitzero"`
	InFlight   int           `json:"in_flight,omitzero"`
}

// Check returns an error if a fault can have no effect as it is.
func (f Fault) Check() error {
	switch {
	case !slices.Contains(kinds, f.Kind):
		return fmt.Errorf("fault kind %q unknown", f.Kind)
	case f.Kind == Poison && f.Marker == "":
		return fmt.Errorf("fault %s: no marker", f.Kind)
	case f.Kind == Throttle && f.InFlight <= 0:
		return fmt.Errorf("fault %s: no in-flight limit", f.Kind)
	case (f.Kind == Latency || f.Kind == Trickle) && f.Wait <= 0:
		return fmt.Errorf("fault %s: no wait", f.Kind)
	}
	return nil
}

// activeFault is a fault in force.
type activeFault struct {
	Fault
	added time.Time
	left  int // requests that it may still concern; below 0: no end
	times map[[sha256.Size]byte]int
}

// AddFault puts faults into force, behind those already there. It panics on one that [Fault.Check] refuses.
func (s *Server) AddFault(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if err := f.Check(); err != nil {
			panic(err)
		}
		status, times := 503, 1
		switch f.Kind {
		case Poison:
			status = 400
		case Success:
			status = 201
		case Drop:
			times = math.MaxInt
		}
		f.Status, f.Times, f.Code = cmp.Or(f.Status, status), cmp.Or(f.Times, times), cmp.Or(f.Code, 555)
		s.faults = append(s.faults, &activeFault{f, time.Now(), cmp.Or(f.Count, -1), map[[sha256.Size]byte]int{}})
	}
}

// ClearFaults ends all faults. Passcodes and limits that they changed stay changed.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// concerns reports whether a fault is of one of some kinds and concerns the request.
func (e *exchange) concerns(f *activeFault, kinds ...Kind) bool {
	return slices.Contains(kinds, f.Kind) && f.left != 0 && (f.Account == "" || f.Account == e.kept.Account) &&
		(f.Path == "" || f.Path == e.kept.Path) && (f.Until == 0 || time.Since(f.added) < f.Until) &&
		(f.Rate == 0 || e.chance.Float64() < f.Rate)
}

// count counts the request for a fault.
func (e *exchange) count(f *activeFault) {
	f.left--
	if !slices.Contains(e.kept.Faults, f.Kind) {
		e.kept.Faults = append(e.kept.Faults, f.Kind)
	}
}

// use counts and returns the first fault of some kinds that concerns the request and meets a condition, or nil.
func (e *exchange) use(condition func(*activeFault) bool, kinds ...Kind) *activeFault {
	for _, f := range e.faults {
		if e.concerns(f, kinds...) && (condition == nil || condition(f)) {
			e.count(f)
			return f
		}
	}
	return nil
}

// changeAccount lets passcodes die and limits change, before the account is asked for either.
func (e *exchange) changeAccount() {
	for _, f := range e.faults {
		switch {
		case e.account == nil || !e.concerns(f, Expire, Throttle):
			continue
		case f.Kind == Throttle:
			e.account.InFlight = f.InFlight
		default:
			e.account.Passcodes = []string{f.Passcode}
		}
		e.count(f)
		f.left = 0
	}
}

// frontFault is the fault that answers the request instead of CleverTap.
func (e *exchange) frontFault(size int) *activeFault {
	return e.use(func(f *activeFault) bool { return size > f.Over }, Hang, Status, ResetBefore)
}

// spoil adds the faults of the wire and of time to an answer.
func (e *exchange) spoil(p *reply) *reply {
	if f := e.use(nil, ResetAfter, Half, Garbage, Empty, Huge, Gzip, BOM, Success); f != nil {
		switch f.Kind {
		case ResetAfter:
			p.end = reset
		case Half:
			p.end = half
		case Garbage:
			p = page(p.status)
		case Empty:
			p.body = nil
		case Huge:
			p.body = append(bytes.Repeat([]byte{' '}, 16<<20+1), p.body...)
		case Gzip:
			p.header.Set("Content-Encoding", "gzip")
			p.body = compressed(p.body)
		case BOM:
			p.body = append([]byte("\ufeff"), p.body...)
		case Success:
			p.status = f.Status
		}
	}
	return e.pause(p)
}

func compressed(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return b.Bytes()
}

// pause adds the faults of time.
func (e *exchange) pause(p *reply) *reply {
	if f := e.use(nil, Latency, Trickle); f != nil && f.Kind == Latency {
		p.wait = f.Wait
	} else if f != nil {
		p.drip = f.Wait
	}
	return p
}

// drops reports whether a record is lost behind an answer that says it was accepted.
func (e *exchange) drops(r *record) bool {
	chosen := func(f *activeFault) bool { return f.chooses(r.raw, e.seed) }
	return e.use(chosen, Drop) != nil
}

// chooses reports whether a fault concerns a record, and uses up one of its times for it. The choice depends on the
// record's bytes: the same record is chosen in every upload.
func (f *activeFault) chooses(raw []byte, seed uint64) bool {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(raw), seed))
	luck := float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
	if !bytes.Contains(raw, []byte(f.Marker)) || f.Share > 0 && luck >= f.Share || f.times[sum] >= f.Times {
		return false
	}
	f.times[sum]++
	return true
}

// reply is the answer of a fault that answers instead of CleverTap, or the lack of one.
func (f *activeFault) reply() *reply {
	p := errorReply(f.Status, "not this time")
	switch {
	case f.Kind == Hang:
		return &reply{end: hang}
	case f.Kind == ResetBefore:
		return &reply{end: reset}
	case f.Body == "html":
		p = page(f.Status)
	case f.Body == "empty":
		p = jsonReply(f.Status, "")
	}
	if f.RetryAfter != "" {
		p.header.Set("Retry-After", f.RetryAfter)
	}
	if f.Status >= 300 && f.Status < 400 {
		p.header.Set("Location", trapPath)
	}
	return p
}
