package mapping

import (
	"bytes"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// Explanation is one thing to explain: something was dropped or changed.
type Explanation struct {
	Subject string             // "message", "event", "property", "user property", "profile" or "charged"
	Name    string             // the payload's name
	Sent    string             // the name under which it goes out; empty if it is not sent
	Rule    string             // the rule in words, for example "limit: values have at most 512 bytes"
	Origin  integration.Origin // the line of the file, if the file decided
}

// rule is why something is changed or not sent.
type rule uint8

// words are the rules in words.
var words = []string{""}

func newRule(text string) rule {
	words = append(words, text)
	return rule(len(words) - 1)
}

// none means that nothing is changed, or that nothing forbids sending.
const none rule = 0

// The rules that decisions name. What the integration file decided has its place in the explanation's Origin.
var (
	ruleSwitched  = newRule("the integration file switches it off")
	ruleRenamed   = newRule("the integration file renames it")
	ruleAddress   = newRule("a CleverTap ID is an address, not a property")
	ruleEmpty     = newRule("null and empty texts are left out")
	ruleDate      = newRule("dates go out as $D_ and whole seconds, which CleverTap stores as a date")
	ruleMillis    = newRule("milliseconds repeat their date, or stand in where it is missing")
	ruleBadMillis = newRule("milliseconds that cannot be read, of a date that is missing")
	ruleType      = newRule("the type follows the vendor's documentation")
	ruleText      = newRule("arrays go out as their JSON text")
	ruleNested    = newRule("objects do not go into profiles")
	ruleClean     = newRule("limit: names without forbidden characters, outer spaces and more than 120 bytes")
	ruleNameless  = newRule("limit: nothing is left of the name without forbidden characters")
	ruleValue     = newRule("limit: values have at most 512 bytes, cut between two characters")
	ruleTwice     = newRule("limit: CleverTap ignores case and spaces, so another property has the same " +
		"name; the first one stays")
	ruleCount = newRule("limit: an event has at most 100 properties; event_id, environment and the " +
		"documented ones go first")
	ruleKeys      = newRule("limit: a profile gets at most 100 keys; the documented ones go first")
	ruleUnderived = newRule("the webhook does not say")
	ruleOtherID   = newRule("the webhook addresses its subscriber by a CleverTap ID; that of the subscriber " +
		"it came from is not known")
	ruleOneTime    = newRule("one-time purchases make no profile record")
	ruleNothing    = newRule("no user property is left")
	ruleNotMoney   = newRule("only payments make a Charged event, no refunds and no zero")
	ruleSandbox    = newRule("only purchases whose environment is PRODUCTION are money in a production account")
	ruleNoAmount   = newRule("the amount in the chosen currency is missing or no number")
	ruleNoCurrency = newRule("the amount's currency is missing or no code of three letters")
	ruleCharged    = newRule("a name from outside must not pass for CleverTap's purchase event")
	ruleReserved   = newRule("CleverTap keeps this name for an event of its own and refuses it with code 513; " +
		"a new name in the integration file cures that")
	ruleRepaired = newRule("what was no character goes out as U+FFFD")
)

// explainer passes on what the decisions of a run changed or dropped.
type explainer struct {
	*mapperRun
	tell func(Explanation)
}

// explain goes through the decisions in the order in which they were made.
func (x explainer) explain() {
	switch {
	case x.Skip != "" && x.Skip != fault.EventOff:
		x.tell(Explanation{Subject: "message", Rule: string(x.Skip), Origin: x.skipOrigin()})
		return
	case x.Reject != "":
		x.add("message", x.payload.Name, nil, ruleNameless, nil)
		return
	case !x.event.Send:
		x.add("event", x.payload.Name, nil, ruleSwitched, &x.event.Origin)
	case !bytes.Equal(x.event.name, x.payload.Name):
		x.add("event", x.payload.Name, x.event.name, x.event.changed, &x.event.NameOrigin)
	}
	if x.event.Send && clevertap.ReservedEvent(string(x.event.name)) { // in a file it would be a fault
		x.add("event", x.payload.Name, x.event.name, ruleReserved, nil)
	}
	for i := range x.decisions {
		d := &x.decisions[i]
		if x.event.Send { // what becomes of the properties of an event that is off is no news
			x.outgoing("property", d.source, &d.property)
			if d.property.sent() && d.changed != none {
				x.add("property", d.source, d.property.policy.name, d.changed, nil)
			}
		}
		x.outgoing("user property", d.source, &d.user)
	}
	x.profiles()
	x.money()
}

// add passes on one explanation. What holds without the file is said in words of its own.
func (x explainer) add(subject string, name, sent []byte, rule rule, origin *integration.Origin) {
	n := Explanation{Subject: subject, Name: string(name), Sent: string(sent), Rule: words[rule]}
	if origin != nil {
		n.Origin = *origin
	}
	if n.Origin.Line == 0 && n.Origin.Rule != "" && (rule == ruleSwitched || rule == ruleRenamed) {
		n.Rule = n.Origin.Rule
	}
	x.tell(n)
}

// skipOrigin is where the file decided to send nothing.
func (x explainer) skipOrigin() integration.Origin {
	switch x.Skip {
	case fault.Disabled:
		return x.app.EnabledOrigin
	case fault.Sandbox:
		return x.app.SandboxOrigin
	case fault.Anonymous:
		return x.app.AnonymousOrigin
	}
	return integration.Origin{}
}

// outgoing explains why a value does not go out, or why under another name.
func (x explainer) outgoing(subject string, source []byte, out *outgoing) {
	switch p := out.policy; {
	case out.rule == ruleSwitched:
		x.add(subject, source, nil, out.rule, &p.from.Origin)
	case out.rule != none:
		x.add(subject, source, nil, out.rule, nil)
	case p == nil || bytes.Equal(p.name, source):
	case p.from == nil:
		x.add(subject, source, p.name, ruleClean, nil)
	default:
		x.add(subject, source, p.name, ruleRenamed, &p.from.NameOrigin)
	}
}

func (x explainer) profiles() {
	switch {
	case !x.subscription:
		x.add("profile", nil, nil, ruleOneTime, nil)
	case x.Profile == nil:
		x.add("profile", nil, nil, ruleNothing, nil)
	}
	if x.isTransfer() && x.addressed {
		x.add("profile", nil, nil, ruleOtherID, nil)
	}
}

func (x explainer) money() {
	switch rule := x.charged.rule; rule {
	case none:
	case ruleSwitched:
		x.add("charged", nil, nil, rule, &x.app.ChargedOrigin)
	case ruleNoAmount, ruleNoCurrency:
		x.add("charged", x.charged.attribute, nil, rule, &x.app.CurrencyOrigin)
	default:
		x.add("charged", x.charged.attribute, nil, rule, nil)
	}
}
