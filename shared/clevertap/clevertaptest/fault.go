package clevertaptest

import (
	"fmt"
	"time"
)

// Kind names what a fault does.
type Kind string

// The kinds. "Stored" means that the records are in, whatever the sender learns.
const (
	Latency     Kind = "latency"      // Wait before the answer, the records stored
	Hang        Kind = "hang"         // no answer for as long as the sender waits; stored if Stored
	Trickle     Kind = "trickle"      // the answer comes byte by byte, one each Wait
	Status      Kind = "status"       // Status with Body, RetryAfter, Location, for bodies over Over; stored if Stored
	Refuse      Kind = "refuse"       // connections refused: see [Server.Listen] and [Server.Transport]
	ResetBefore Kind = "reset_before" // connection reset, nothing stored
	ResetAfter  Kind = "reset_after"  // stored, then the connection reset
	Half        Kind = "half"         // stored; length announced, half the body, connection closed
	Garbage     Kind = "garbage"      // stored; 200 with HTML
	Empty       Kind = "empty"        // stored; 200 without a body
	Huge        Kind = "huge"         // stored; more than 16 MiB of blanks before the answer
	NoIndex     Kind = "no_index"     // entries without the skip text
	NoEcho      Kind = "no_echo"      // entries without record
	NoCode      Kind = "no_code"      // entries without code
	WrongIndex  Kind = "wrong_index"  // entries with a wrong number: Index is zero, beyond or other; empty: one of them
	BadCount    Kind = "bad_count"    // processed off by By; 0: by one, up or down
	NoCount     Kind = "no_count"     // no processed
	BareFail    Kind = "bare_fail"    // stored; status and error, nothing else
	EmptyFail   Kind = "empty_fail"   // stored; fail, 0 processed, an empty list
	Passing     Kind = "passing"      // good records with Marker, or a Share of all, answered Code, Times each; stored if Stored
	Poison      Kind = "poison"       // uploads with a record that holds Marker are answered Status whole, nothing stored
	Expire      Kind = "expire"       // all passcodes die, Passcode lives
	Throttle    Kind = "throttle"     // the in-flight limit becomes InFlight
)

// Fault is a rule: which requests it befalls, and how. Zero fields mean the default.
type Fault struct {
	Kind    Kind          `json:"kind"`
	Account string        `json:"account,omitzero"` // default every account
	Path    string        `json:"path,omitzero"`    // default every path
	From    int           `json:"from,omitzero"`    // the n-th such request since the rule was added; default 1
	Count   int           `json:"count,omitzero"`   // how many requests; default all from then on
	Rate    float64       `json:"rate,omitzero"`    // at random, 0 to 1; default always
	After   time.Duration `json:"after,omitzero"`   // sleeps so long after it was added
	Until   time.Duration `json:"until,omitzero"`   // ends so long after it was added; default never

	Wait       time.Duration `json:"wait,omitzero"`        // latency, trickle; refuse: how long, default 1 s
	Status     int           `json:"status,omitzero"`      // status: default 503; poison: default 400
	Body       string        `json:"body,omitzero"`        // json (default), html or empty
	RetryAfter string        `json:"retry_after,omitzero"` // the header's value
	Location   string        `json:"location,omitzero"`    // of a 3xx; default a trap that objects when called
	Over       int64         `json:"over,omitzero"`        // only bodies of more bytes
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

// stage is the point of a request's way at which a kind of fault acts. One request meets at most one fault per
// stage, but any number among its records.
type stage int

const (
	arrivalStage stage = iota + 1 // as soon as the headers are there
	frontStage                    // before the records are looked at
	recordStage                   // among the records
	answerStage                   // in what the answer says
	wireStage                     // in how it travels
	pauseStage                    // in how long it takes
)

var stages = map[Kind]stage{
	Expire: arrivalStage, Throttle: arrivalStage,
	Hang: frontStage, Status: frontStage, Refuse: frontStage, ResetBefore: frontStage,
	Passing: recordStage, Poison: recordStage,
	NoIndex: answerStage, NoEcho: answerStage, NoCode: answerStage, WrongIndex: answerStage,
	BadCount: answerStage, NoCount: answerStage, BareFail: answerStage, EmptyFail: answerStage,
	ResetAfter: wireStage, Half: wireStage, Garbage: wireStage, Empty: wireStage, Huge: wireStage,
	Latency: pauseStage, Trickle: pauseStage,
}

// Check tells what is wrong with a fault.
func (f Fault) Check() error {
	switch {
	case stages[f.Kind] == 0:
		return fmt.Errorf("fault kind %q unknown", f.Kind)
	case f.From < 0, f.Count < 0, f.Times < 0, f.InFlight < 0, f.Over < 0, f.Wait < 0, f.After < 0, f.Until < 0:
		return fmt.Errorf("fault %s: a number below 0", f.Kind)
	case f.Rate < 0, f.Rate > 1, f.Share < 0, f.Share > 1:
		return fmt.Errorf("fault %s: a rate or share outside 0 to 1", f.Kind)
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("fault %s: status %d outside 200 to 599", f.Kind, f.Status)
	case f.Body != "" && f.Body != "json" && f.Body != "html" && f.Body != "empty":
		return fmt.Errorf("fault %s: body is json, html or empty", f.Kind)
	case f.Index != "" && f.Index != "zero" && f.Index != "beyond" && f.Index != "other":
		return fmt.Errorf("fault %s: index is zero, beyond or other", f.Kind)
	case f.Kind == Poison && f.Marker == "":
		return fmt.Errorf("fault %s: no marker", f.Kind)
	case f.Kind == Throttle && f.InFlight == 0:
		return fmt.Errorf("fault %s: no in-flight limit", f.Kind)
	case (f.Kind == Latency || f.Kind == Trickle) && f.Wait == 0:
		return fmt.Errorf("fault %s: no wait", f.Kind)
	default:
		return nil
	}
}

// withDefaults fills in what was left out.
func (f Fault) withDefaults() Fault {
	if f.Status == 0 {
		f.Status = 503
		if f.Kind == Poison {
			f.Status = 400
		}
	}
	if f.Wait == 0 {
		f.Wait = time.Second
	}
	f.From, f.Times = max(f.From, 1), max(f.Times, 1)
	if f.Code == 0 {
		f.Code = 555
	}
	if f.Body == "" {
		f.Body = "json"
	}
	return f
}
