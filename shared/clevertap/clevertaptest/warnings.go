package clevertaptest

import (
	"math/big"
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

// seen is what an account has seen in the records it accepted.
type seen struct {
	names   map[string]bool      // of events, folded
	events  map[[2]string]bool   // by event_id and name
	charged map[string]bool      // by Charged ID
	types   map[[2]string]string // of properties, by the record's type and their name: as each came first
	keys    map[[2]string]bool   // the same names, folded
}

func newSeen() seen {
	return seen{map[string]bool{}, map[[2]string]bool{}, map[string]bool{}, map[[2]string]string{}, map[[2]string]bool{}}
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
	} else if at, _ := strconv.ParseInt(string(ts.raw), 10, 64); time.Unix(at, 0).After(time.Now().Add(2 * time.Minute)) {
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
	if r.typ == "profile" && slices.ContainsFunc(identityKeys, func(key string) bool { return strings.EqualFold(key, p.key) }) {
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
	seen, at, folded := &e.account.seen, [2]string{r.typ, p.key}, [2]string{r.typ, fold(p.key)}
	switch first := seen.types[at]; {
	case first != "" && first != typ:
		warn(TypeChanged, p.key)
	case first == "" && seen.keys[folded]:
		warn(SimilarKey, p.key)
	}
	if seen.types[at] == "" {
		seen.types[at] = typ
	}
	seen.keys[folded] = true
}

func (e *exchange) warnOfEvent(r *record, warn func(rule, key string)) {
	seen, event := &e.account.seen, [2]string{r.eventID, r.name}
	switch {
	case r.eventID == "":
		warn(NoEventID, "event_id")
	case seen.events[event]:
		warn(Repeated, "event_id")
	}
	seen.events[event] = true
	before := len(seen.names)
	seen.names[fold(r.name)] = true
	if len(seen.names) > maxEventNames && before == maxEventNames {
		warn(EventNames, "")
	}
	if fold(r.name) != "charged" {
		return
	}
	if amount := r.data.find("Amount"); amount == nil || !isPositive(amount) {
		warn(ChargedAmount, "Amount")
	}
	if id := r.data.find("Charged ID"); id != nil {
		text := strings.Trim(string(id.raw), `"`)
		if seen.charged[text] {
			warn(ChargedID, "Charged ID")
		}
		seen.charged[text] = true
	}
}

// isPositive reports whether a value is a number above 0. Exponents beyond any price are none to it: they would fill the memory.
func isPositive(v *value) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(string(v.raw)), "e")
	n, ok := new(big.Rat).SetString(mantissa)
	return v.kind == '0' && ok && len(exponent) < 4 && n.Sign() > 0
}

// findPasscodes warns of passcodes in a request's address, headers and body. Those of under six bytes are found everywhere.
func (e *exchange) findPasscodes(body string) {
	texts := []string{body, e.http.RequestURI, e.http.URL.String(), e.http.Host}
	for name, values := range e.http.Header {
		texts = append(texts, name)
		if name != passcodeHeader {
			texts = append(texts, values...)
		}
	}
	for _, a := range e.order {
		for _, passcode := range a.Passcodes {
			if len(passcode) >= 6 && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, passcode) }) {
				e.warn(0, PasscodeShown, "")
				return
			}
		}
	}
}
