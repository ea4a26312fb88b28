package journal

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// Describe says in sentences what became of a webhook: when it was made and arrived, what was done with it, what
// CleverTap has of it, and what was true of the person then.
func (e Entry) Describe() []string {
	sentences := []string{e.origin()}
	switch e.Outcome {
	case forward.Delivered.String():
		sentences = append(sentences, e.delivered())
	case forward.Skipped.String():
		sentences = append(sentences, fmt.Sprintf("Nothing was sent, because %s.", Because(e.Reason, e.Code)))
	case forward.Rejected.String():
		sentences = append(sentences, fmt.Sprintf("Not delivered, because %s. It was put on the rejected queue %s%s.",
			Because(e.Reason, e.Code), e.later(), e.attempts()))
	default:
		sentences = append(sentences, fmt.Sprintf("Still on its way at %s%s, because %s. The bridge tries again by itself.",
			e.at(e.Settled), e.attempts(), Because(e.Reason, e.Code)))
	}
	if e.Outcome != forward.Delivered.String() && e.Records != "" {
		sentences = append(sentences, fmt.Sprintf("CleverTap account %s has %s of it.", e.Account, e.records()))
	}
	switch e.Active {
	case "true":
		sentences = append(sentences, "The person then had an active subscription.")
	case "false":
		sentences = append(sentences, "The person then had no active subscription.")
	}
	return append(sentences, fmt.Sprintf("Settings: %s.", e.Settings))
}

// origin says when Purchasely made the webhook.
func (e Entry) origin() string {
	switch before := e.Received.Sub(e.Created); {
	case e.Created.IsZero():
		return "It does not say when Purchasely created it."
	case before < time.Second:
		return "It arrived as soon as Purchasely had created it."
	default:
		return fmt.Sprintf("Purchasely created it at %s, %s before it arrived.", e.at(e.Created), span(before))
	}
}

func (e Entry) delivered() string {
	if e.Records == "" {
		return fmt.Sprintf("Done %s%s: there was nothing left to send.", e.later(), e.attempts())
	}
	return fmt.Sprintf("Delivered %s%s: CleverTap account %s has %s.", e.later(), e.attempts(), e.Account, e.records())
}

// later is when the outcome was known, after the arrival.
func (e Entry) later() string {
	after := e.Settled.Sub(e.Received)
	if after < time.Second {
		return "at once"
	}
	return span(after) + " later"
}

// span is a duration of a second or more in words, in its largest unit, or its two largest.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return cli.Quantity(int(d/time.Second), "second")
	case d < time.Hour:
		return cli.Quantity(int(d/time.Minute), "minute")
	case d < day:
		return cli.Quantity(int(d/time.Hour), "hour") + " and " + cli.Quantity(int(d%time.Hour/time.Minute), "minute")
	default:
		return cli.Quantity(int(d/day), "day") + " and " + cli.Quantity(int(d%day/time.Hour), "hour")
	}
}

func (e Entry) attempts() string {
	if e.Attempt <= 1 {
		return ""
	}
	return fmt.Sprintf(", at attempt %d", e.Attempt)
}

// records are the kinds of records that CleverTap has, in words.
func (e Entry) records() string {
	event := "the event"
	if e.Name != "" {
		event += fmt.Sprintf(" (named %q)", e.Name)
	}
	var words []string
	for kind := range strings.SplitSeq(e.Records, ",") {
		words = append(words, map[string]string{
			"event": event, "profile": "the profile", "charged": "the purchase (Charged)",
		}[kind])
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " and " + words[last]
	}
	return words[0]
}

// at is a time near the arrival: without the day if it is the same.
func (e Entry) at(t time.Time) string {
	if t.Format(time.DateOnly) == e.Received.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format("2 Jan 2006 15:04:05")
}

// Instant is how times are printed that stand alone.
const Instant = "2 Jan 2006 15:04:05 UTC"

// Describe says what is known of a person today, each as a sentence without its end.
func (p Person) Describe() (sentences []string) {
	say := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
	for _, s := range p.States {
		verdict := "no active subscription"
		if s.Active() {
			verdict = "an active subscription"
		}
		say("%s at the CleverTap account %s", verdict, s.Account)
		if s.Damage != nil {
			say("this is what is believed of it: %s", s.Damage)
		}
	}
	if len(p.States) == 0 {
		say("no purchase is known")
	}
	for _, a := range p.Apps {
		if a.Damage != nil {
			say("%s cannot be read for %s, so that webhooks wait", a.Damage, a.App)
		}
		for _, sentence := range a.Describe() {
			say("for %s %s", a.App, sentence)
		}
	}
	return sentences
}

// Describe says whether anything may be sent about a person, and to which CleverTap ID.
func (a AppPerson) Describe() (sentences []string) {
	switch {
	case a.Suppressed():
		sentences = append(sentences, "suppressed since "+a.SuppressedAt.Format(Instant)+
			": nothing is sent or stored of the person")
	case !a.SuppressedAt.IsZero():
		sentences = append(sentences, "restored on "+a.RestoredAt.Format(Instant)+", after a suppression")
	}
	if a.CleverTapID != "" {
		sentences = append(sentences, "linked to the CleverTap ID "+a.CleverTapID+" since "+a.ObservedAt.Format(Instant))
	}
	return sentences
}

// reasons are why a webhook was not delivered, each as the end of a sentence that begins with "because".
var reasons = map[fault.Reason]string{
	fault.Disabled:   "the app is switched off in the settings",
	fault.Sandbox:    "it is of the sandbox, and the app's settings or secret name no account for that",
	fault.NoIdentity: "it names nobody whom CleverTap could know",
	fault.Suppressed: "nothing may be sent about the person",
	fault.Anonymous:  "the person was not signed in, and the settings skip such people",
	fault.EventOff:   "the settings switch this event off",
	fault.Heartbeat:  "it was a heartbeat, and the account could not be called",

	fault.Malformed:     "it cannot be read as a webhook",
	fault.UnknownSchema: "it was queued by another version of the bridge",
	fault.UnknownApp:    "the settings do not have its app",
	fault.Panic:         "the bridge has a fault that it hits",

	fault.Timeout:           "CleverTap did not answer in time",
	fault.Network:           "CleverTap could not be reached",
	fault.RateLimited:       "CleverTap takes no more requests of the account for the moment",
	fault.Server:            "CleverTap had an error of its own",
	fault.Unmatched:         "CleverTap's answer did not say whether it has it",
	fault.UnreadableAnswer:  "CleverTap's answer could not be read",
	fault.Transient:         "CleverTap refused it for the moment",
	fault.Credentials:       "CleverTap refuses the account's credentials",
	fault.Secret:            "the app's secret could not be read",
	fault.RejectedQueue:     "it was refused, and the rejected queue did not take it",
	fault.GroupOrder:        "an earlier webhook of the same person has to go first",
	fault.NoTime:            "the forwarder had no time left for it",
	fault.Breaker:           "the account is left alone for a while after uploads to it have failed",
	fault.AccountRejectsAll: "CleverTap refuses whatever the account sends",
	fault.Table:             "the subscribers table was out of reach, or what it has of the person cannot be read",
	fault.LinkWait:          "the person has no link to a CleverTap ID yet, and the settings wait for it",
	fault.Unknown:           "of an error that nobody foresaw",
}

// Because says why a webhook was not delivered, as the end of a sentence. A reason of another version is named as it
// is.
func Because(reason, code string) string {
	if number, ok := strings.CutPrefix(reason, "clevertap_http_"); ok {
		return "CleverTap refused it for good with the status " + number
	}
	if number, ok := strings.CutPrefix(reason, "clevertap_"); ok {
		words := "CleverTap refused it for good with the code " + number
		if n, err := strconv.Atoi(number); err == nil && clevertap.Meaning(n) != "" {
			words += " (" + clevertap.Meaning(n) + ")"
		}
		return words
	}
	words, known := reasons[fault.Reason(reason)]
	switch {
	case !known:
		return "of the reason " + reason
	case code != "":
		return fmt.Sprintf("%s (%s)", words, code)
	}
	return words
}
