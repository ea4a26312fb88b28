package clevertap

import (
	"cmp"
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

// class is what an answer says about a record.
type class uint8

const (
	accepted  class = iota
	uncertain       // the answer does not account for it
	transient       // refused, and may pass later
	unlisted        // refused with a code that nobody knows: permanent if the record fails alone twice
	permanent       // refused, and the same bytes always will be
)

const maxCode = 99_999 // a code ends up in a reason, of which metrics keep one series each

// meanings are the codes of refused records, in our words, for the vendor's text may quote the user's data. They are
// on the vendor's list (developer.clevertap.com/docs/api-errors, November 2026). What only its SDKs use inside a
// client (510, 511, 521, 527, 529, 540 to 545) is left out on purpose: should such a number come from the server, it
// is as unknown as any other.
var meanings = map[int]string{
	0:   "no code",
	509: "event without a name",
	512: "event of invalid structure",
	513: "event name is CleverTap's own",
	514: "profile key Gender invalid",
	515: "profile key Email invalid",
	516: "profile key Phone invalid",
	517: "profile key Employed invalid",
	518: "profile key Education invalid",
	519: "profile key Married invalid",
	520: "profile key Age invalid",
	522: "event with too many properties",
	523: "record without an identity",
	524: "record neither event nor profile",
	525: "time is not in seconds since 1970",
	526: "objectId invalid",
	528: "event discarded in the dashboard",
	530: "token without a valid objectId",
	531: "token data missing",
	532: "token without an id",
	533: "token without a type",
	534: "token of a type that its objectId cannot have",
	535: "token data invalid",
	555: "fault within the API", // the only one that may pass
}

// Meaning is what a code of a refused record means, empty if CleverTap does not list it.
func Meaning(code int) string { return meanings[code] }

// classify returns the class of a refused record by its code; 0 is no code. The numbers of HTTP are in it in case
// CleverTap uses them for a record.
func classify(code int) class {
	switch code {
	case 400, 409, 413:
		return permanent
	case 0, 200, 201, 202, 204, 401, 402, 403, 404, 405, 408, 429, 500, 502, 503, 504, 555:
		return transient
	}
	if meanings[code] != "" {
		return permanent
	}
	return unlisted
}

// codeFault is the outcome of a record that was refused with a code, or without one if that is 0.
func codeFault(code int, kind fault.Kind) *fault.Fault {
	f := &fault.Fault{Kind: kind, Reason: fault.Transient}
	if code != 0 {
		f.Code = strconv.Itoa(code)
	}
	if kind == fault.Reject {
		f.Reason = fault.Reason("clevertap_" + f.Code)
	}
	f.Err = errors.New("record refused: " + cmp.Or(meanings[code], "a code that CleverTap does not list"))
	return f
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
