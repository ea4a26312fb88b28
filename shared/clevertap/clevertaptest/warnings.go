package clevertaptest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The rules of warnings: what CleverTap would presumably accept, and then spoil in silence.
const (
	NoPrefix         = "no_prefix"         // an objectId without any known prefix
	NoTime           = "no_ts"             // no ts: the server's clock would be used
	FutureTime       = "future_ts"         // a ts over two minutes ahead
	ISODate          = "iso_date"          // a string that reads as an ISO date
	BadDate          = "bad_date"          // $D_ without an integer of seconds
	SimilarKey       = "similar_key"       // a key that differs from another only by case or spaces
	TypeChanged      = "type_changed"      // a property with another type than in its first record
	NoEventID        = "no_event_id"       // an event without event_id
	Repeated         = "duplicate"         // an event_id and evtName that were accepted before
	ChargedAmount    = "charged_amount"    // Charged without a number above 0 as Amount
	ChargedID        = "charged_id"        // a Charged ID seen before
	IdentityProperty = "identity_property" // identity, objectId, FBID or GPID among the profile's data
	VendorProperty   = "vendor_property"   // a property named ts or CT Source
	EventNames       = "event_names"       // the 513th event name
	PasscodeShown    = "passcode"          // a passcode of 6 bytes or more anywhere but in its header
	ProfileTwice     = "profile_twice"     // two profile records for one user in one upload
	RedirectFollowed = "redirect_followed" // a call of the trap that injected redirects lead to
)

// Warning is about something that was stored and answered as accepted, and is wrong all the same.
type Warning struct {
	Account  string `json:"account"`
	Request  int    `json:"request"`
	Position int    `json:"position"` // in the upload, from 1; 0: the request itself
	Rule     string `json:"rule"`
	Key      string `json:"key,omitzero"` // the property it is about
}

func (e *exchange) warn(position int, rule, key string) {
	e.warnings = append(e.warnings, Warning{e.kept.Account, e.kept.Number, position, rule, key})
}

// remember keeps a value under a key, and returns the one that was there before; "" if there was none.
func (a *account) remember(what, key, value string) (before string) {
	before = a.seen[what+" "+key]
	if before == "" {
		a.seen[what+" "+key] = value
	}
	return before
}

var (
	date    = regexp.MustCompile(`^\$D_-?[0-9]{1,11}$`) // more digits would be milliseconds
	isoDate = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])($|[Tt ]\d\d)`)
)

// warnOf warns of an accepted record and remembers it.
func (e *exchange) warnOf(r *record) {
	warn := func(rule, key string) { e.warn(r.position, rule, key) }
	if r.key == "objectId" && !strings.HasPrefix(r.id, "-") && !strings.HasPrefix(r.id, "__") {
		warn(NoPrefix, r.key)
	}
	if ts := r.find("ts"); ts == nil {
		warn(NoTime, "ts")
	} else if at, _ := strconv.ParseInt(string(ts.raw), 10, 64); time.Until(time.Unix(at, 0)) > 2*time.Minute {
		warn(FutureTime, "ts")
	}
	properties := slices.Clone(r.data.members)
	if r.items != nil {
		for _, item := range r.items.members {
			properties = append(properties, item.members...)
		}
	}
	for i := range properties {
		e.warnOfProperty(r, &properties[i], warn)
	}
	if r.typ == "event" {
		e.warnOfEvent(r, warn)
	}
}

func (e *exchange) warnOfProperty(r *record, p *value, warn func(rule, key string)) {
	if p.key == "ts" || strings.EqualFold(p.key, "CT Source") {
		warn(VendorProperty, p.key)
	}
	isID := func(key string) bool { return strings.EqualFold(key, p.key) }
	if r.typ == "profile" && slices.ContainsFunc(identityKeys, isID) {
		warn(IdentityProperty, p.key)
	}
	typ := string(p.kind)
	switch {
	case p.kind == 'f':
		typ = "t"
	case p.kind == '"' && date.MatchString(p.text):
		typ = "date"
	case strings.HasPrefix(p.text, "$D_"):
		warn(BadDate, p.key)
	case isoDate.MatchString(p.text):
		warn(ISODate, p.key)
	}
	first := e.account.remember(r.typ, p.key, typ)
	similar := e.account.remember(r.typ+" folded", fold(p.key), p.key)
	if first != "" && first != typ {
		warn(TypeChanged, p.key)
	}
	if first == "" && similar != "" {
		warn(SimilarKey, p.key)
	}
}

func (e *exchange) warnOfEvent(r *record, warn func(rule, key string)) {
	a := e.account
	if r.eventID == "" {
		warn(NoEventID, "event_id")
	} else if a.remember("event", r.eventID+" "+r.name, "seen") != "" {
		warn(Repeated, "event_id")
	}
	if a.remember("name", fold(r.name), "seen") == "" {
		if a.names++; a.names == maxEventNames+1 {
			warn(EventNames, "")
		}
	}
	if fold(r.name) != "charged" {
		return
	}
	amount, err := 0.0, error(nil)
	if v := r.data.find("Amount"); v != nil {
		amount, err = strconv.ParseFloat(string(v.raw), 64)
	}
	if err != nil || amount <= 0 {
		warn(ChargedAmount, "Amount")
	}
	id := r.data.find("Charged ID")
	if id != nil && a.remember("charge", strings.Trim(string(id.raw), `"`), "seen") != "" {
		warn(ChargedID, "Charged ID")
	}
}

// findPasscodes warns of passcodes anywhere else in a request. Those of under six bytes would be found by chance.
func (e *exchange) findPasscodes(body string) {
	header := e.http.Header.Clone()
	header.Del(passcodeHeader)
	text := fmt.Sprint(e.http.RequestURI, e.http.URL, e.http.Host, header, body)
	for _, a := range e.order {
		shown := func(passcode string) bool { return len(passcode) >= 6 && strings.Contains(text, passcode) }
		if slices.ContainsFunc(a.Passcodes, shown) {
			e.warn(0, PasscodeShown, "")
			return
		}
	}
}
