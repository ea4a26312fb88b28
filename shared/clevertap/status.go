package clevertap

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// verdict is what a status means for the upload that got it.
type verdict uint8

const (
	answered           verdict = iota // the body says what became of each record
	failed                            // the upload may succeed later
	throttled                         // the upload was not processed: too many at once
	refreshCredentials                // the credentials are refused: the secret may hold newer ones
	misconfigured                     // the account's settings are wrong, and a newer passcode would not help
	bisect                            // some record, or the size, makes CleverTap refuse all
)

// classifyStatus returns the verdict on a status and, unless the body has to be read, the records' outcome if nothing
// more can be done. Only 200 has ever carried an answer about records (developer.clevertap.com/docs/api-errors,
// November 2026), but every status of success may: to doubt one would store the records again and again.
func classifyStatus(status int) reply {
	code := strconv.Itoa(status)
	v, kind, reason := failed, fault.Retry, fault.Server
	switch {
	case status >= 200 && status < 300:
		return reply{verdict: answered}
	case status < 200:
		reason = fault.UnreadableAnswer
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		v, kind, reason = refreshCredentials, fault.Operator, fault.Credentials
	case status < 400, status == http.StatusPaymentRequired, status == http.StatusNotFound,
		status == http.StatusMethodNotAllowed:
		v, kind, reason = misconfigured, fault.Operator, fault.Credentials
	case status == http.StatusRequestTimeout:
		reason = fault.Timeout
	case status == http.StatusTooManyRequests:
		v, reason = throttled, fault.RateLimited
	case status < 500:
		v, kind, reason = bisect, fault.Reject, fault.Reason("clevertap_http_"+code)
	}
	f := &fault.Fault{Kind: kind, Reason: reason, Code: code, Err: errors.New("upload: status " + code)}
	return reply{verdict: v, fault: f}
}

// Outcomes of records that were not uploaded. They are shared, because nobody changes a fault.
var (
	faultGroup      = newFault(fault.Retry, fault.GroupOrder, "record: an earlier message of its group is retried")
	faultNoTime     = newFault(fault.Retry, fault.NoTime, "record: no time left for its upload")
	faultLimited    = newFault(fault.Retry, fault.RateLimited, "record: account asks for more time than there is")
	faultBreaker    = newFault(fault.Retry, fault.Breaker, "record: account is not called for now")
	faultRejectsAll = newFault(fault.Retry, fault.AccountRejectsAll, "record: account rejects whatever it is sent")
)

func newFault(kind fault.Kind, reason fault.Reason, text string) *fault.Fault {
	return fault.New(kind, reason, errors.New(text))
}

// faultRefresh is the outcome of records whose credentials are refused and cannot be read again.
func faultRefresh(err error) *fault.Fault {
	cause := error(fault.Of(err))
	if _, marked := errors.AsType[*fault.Fault](err); !marked {
		cause = errors.New(cause.Error()) // nobody knows what such an error quotes
	}
	const text = "upload: credentials refused, and the secret cannot be read again: %w"
	return fault.New(fault.Operator, fault.Credentials, fmt.Errorf(text, cause))
}
