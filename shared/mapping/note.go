package mapping

import (
	"bytes"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// Note is one thing that explain tells: something was dropped or changed.
type Note struct {
	Subject string             // "message", "event", "property", "user property", "profile" or "charged"
	Name    string             // the payload's name
	Sent    string             // the name under which it goes out; "": not sent
	Rule    string             // the rule in words, for example "limit: values have at most 512 bytes"
	Origin  integration.Origin // the line of the file, if it was the file
}

// The subjects of notes.
const (
	aboutMessage  = "message"
	aboutEvent    = "event"
	aboutProperty = "property"
	aboutUser     = "user property"
	aboutProfile  = "profile"
	aboutCharged  = "charged"
)

// The rules that notes name. What the integration file decided has its place in the note's Origin.
const (
	ruleSwitched   = "the integration file switches it off"
	ruleRenamed    = "the integration file renames it"
	ruleAddress    = "a CleverTap ID is an address, not a property"
	ruleEmpty      = "null and empty texts are left out"
	ruleDate       = "dates go out as $D_ and whole seconds, which CleverTap stores as a date"
	ruleTwin       = "milliseconds stand in for their date, or say the same"
	ruleBadTwin    = "milliseconds that cannot be read, of a date that is missing"
	ruleType       = "the type follows the vendor's documentation"
	ruleText       = "arrays go out as their JSON text"
	ruleNested     = "objects do not go into profiles"
	ruleClean      = "limit: names without forbidden characters, outer spaces and more than 120 bytes"
	ruleNameless   = "limit: nothing is left of the name without forbidden characters"
	ruleValue      = "limit: values have at most 512 bytes, cut between two characters"
	ruleTwice      = "limit: CleverTap ignores case and spaces, so another property has the same name; the first one stays"
	ruleCount      = "limit: an event has at most 100 properties; event_id, environment and the documented ones go first"
	ruleKeys       = "limit: a profile gets at most 100 keys; the documented ones go first"
	ruleReserved   = "CleverTap gives this profile key a meaning of its own"
	ruleUnderived  = "this webhook does not tell"
	ruleOtherID    = "the webhook addresses its subscriber by a CleverTap ID; that of the subscriber it came from is not known"
	ruleOneTime    = "one-time purchases make no profile record"
	ruleNothing    = "no user property is left"
	ruleNotMoney   = "only payments make a Charged event, no refunds and no zero"
	ruleSandbox    = "only purchases whose environment is PRODUCTION are money in a production account"
	ruleNoAmount   = "the amount in the chosen currency is missing or no number"
	ruleNoCurrency = "the amount's currency is missing or no code of three letters"
	ruleCharged    = "a name from outside must not pass for CleverTap's purchase event"
)

// tell passes a note on if somebody listens; what becomes of the properties of an event that is off is no news. It takes bytes, so
// that nothing is converted when nobody does.
func (w *work) tell(subject string, name, sent []byte, rule string, origin integration.Origin) {
	if w.note != nil && !(subject == aboutProperty && w.quiet) {
		if origin.Line == 0 && origin.Rule != "" && (rule == ruleSwitched || rule == ruleRenamed) {
			rule = origin.Rule // not the file, but what holds without it
		}
		w.note(Note{Subject: subject, Name: string(name), Sent: string(sent), Rule: rule, Origin: origin})
	}
}

// tellOff notes a name that a decision does not let through.
func (w *work) tellOff(subject string, name []byte, d *rule) {
	if w.note != nil {
		why, origin := d.against()
		w.tell(subject, name, nil, why, origin)
	}
}

// tellRenamed notes a name that goes out as another one.
func (w *work) tellRenamed(subject string, name []byte, d *rule) {
	if w.note != nil && !bytes.Equal(name, d.name) {
		why, origin := d.naming()
		w.tell(subject, name, d.name, why, origin)
	}
}
