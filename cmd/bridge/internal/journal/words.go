package journal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

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
