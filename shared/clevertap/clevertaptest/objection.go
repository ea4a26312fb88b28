package clevertaptest

import (
	"bytes"
	"slices"
	"strings"
)

// The rules of objections: what CleverTap would presumably take, and then spoil in silence.
const (
	NoPrefix         = "no_prefix"         // an objectId without any known prefix
	NoTime           = "no_ts"             // no ts: the server's clock would stand in
	FutureTime       = "future_ts"         // a ts over two minutes ahead
	ISODate          = "iso_date"          // a string that reads as an ISO date
	BadDate          = "bad_date"          // $D_ without an integer of seconds
	KeyTwin          = "key_twin"          // a key that differs from another only by case or spaces
	TypeChanged      = "type_changed"      // a property with another type than in its first record
	NoEventID        = "no_event_id"       // an event without event_id
	Repeated         = "duplicate"         // an event_id and evtName that were accepted before
	ChargedAmount    = "charged_amount"    // Charged without a number above 0 as Amount
	ChargedID        = "charged_id"        // a Charged ID seen before
	IdentityProperty = "identity_property" // identity, objectId, FBID or GPID among the profile's data
	VendorProperty   = "vendor_property"   // a property named ts or CT Source
	EventNames       = "event_names"       // the 513th event name
	PasscodeShown    = "passcode"          // a passcode of 6 bytes or more anywhere but in its header
	ProfileTwins     = "profile_twins"     // two profile records for one user in one upload
	RedirectFollowed = "redirect_followed" // a call of the trap that injected redirects point to
)

// maxEventNames is how many event types an account may have (page upload-events-api, November 2026).
const maxEventNames = 512

// shortestPasscode keeps words like "demo" from being found everywhere.
const shortestPasscode = 6

// Objection marks something that was stored and answered as accepted, and is wrong all the same.
type Objection struct {
	Account  string `json:"account"`
	Request  int    `json:"request"`
	Position int    `json:"position"` // in the upload, from 1; 0: the request itself
	Rule     string `json:"rule"`
	Key      string `json:"key,omitzero"` // the property it is about
}

// Objections gives all objections in the order in which they arose.
func (s *Server) Objections() []Objection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.objections)
}

// remarkProperties looks at keys and values that are never right.
func remarkProperties(f *finding, properties []node) {
	for i := range properties {
		p := &properties[i]
		if string(p.key) == "ts" || strings.EqualFold(string(p.key), "CT Source") {
			f.object(VendorProperty, string(p.key))
		}
		switch {
		case p.kind != '"':
		case bytes.HasPrefix(p.text, []byte("$D_")) && !isDate(p.text):
			f.object(BadDate, string(p.key))
		case readsAsDate(p.text):
			f.object(ISODate, string(p.key))
		}
	}
}

// isDate tells whether a string is $D_ and a whole number of seconds. Twelve digits or more would be milliseconds.
func isDate(text []byte) bool {
	digits, ok := bytes.CutPrefix(text, []byte("$D_"))
	digits = bytes.TrimPrefix(digits, []byte("-"))
	return ok && isDigits(digits) && len(digits) <= 11
}

// readsAsDate tells whether a string is an ISO 8601 date, alone or with a time behind it.
func readsAsDate(text []byte) bool {
	if len(text) < 10 || text[4] != '-' || text[7] != '-' || !isDigits(text[:4]) || !isDigits(text[5:7]) || !isDigits(text[8:10]) {
		return false
	}
	month, day := string(text[5:7]), string(text[8:10])
	if month < "01" || month > "12" || day < "01" || day > "31" {
		return false
	}
	return len(text) == 10 || len(text) > 12 && (text[10]|0x20 == 't' || text[10] == ' ') && isDigits(text[11:13])
}

// seekPasscodes objects to passcodes in a request's address, headers and body.
func (v *visit) seekPasscodes(body []byte) {
	s := v.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.order {
		for _, passcode := range slices.Concat(a.given.Passcodes, a.now.Passcodes) {
			if len(passcode) >= shortestPasscode && (bytes.Contains(body, []byte(passcode)) || v.shows(passcode)) {
				s.objections = append(s.objections, Objection{Account: v.record.Account, Request: v.record.Number, Rule: PasscodeShown})
				return
			}
		}
	}
}

// shows tells whether a text stands in the address or in a header other than the passcode's.
func (v *visit) shows(text string) bool {
	if strings.Contains(v.http.RequestURI, text) || strings.Contains(v.http.URL.String(), text) || strings.Contains(v.http.Host, text) {
		return true
	}
	for name, values := range v.http.Header {
		for _, value := range values {
			if name != passcodeHeader && strings.Contains(value, text) || strings.Contains(name, text) {
				return true
			}
		}
	}
	return false
}
