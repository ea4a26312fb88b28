package clevertap

import (
	"errors"
	"strconv"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// class is what a refused record's code says about its chances.
type class uint8

const (
	accepted  class = iota // taken
	uncertain              // the answer does not account for it
	transient              // may pass later: 555, HTTP-like codes, or no code at all
	unlisted               // a code that the vendor does not list: for good only if the record fails alone twice
	permanent              // the same bytes always fail
)

// code is one line of the vendor's list.
type code struct {
	class   class
	meaning string
}

// codes are the numbers in unprocessed[].code that are known, with the meaning in our words; the vendor's text may quote the
// user's data. Numbers of HTTP are among them, in case CleverTap uses them for a record. Lines on the vendor's list:
// developer.clevertap.com/docs/api-errors (November 2026). What its SDKs alone use inside a client (510, 511, 521, 527, 529,
// 540 to 545) is left out on purpose: should such a number come from the server, it is as unknown as any other.
var codes = map[int]code{
	200: {transient, "no verdict"},
	201: {transient, "no verdict"},
	202: {transient, "no verdict"},
	204: {transient, "no verdict"},
	400: {permanent, "parameter invalid or missing"},
	401: {transient, "credentials refused"},
	402: {transient, "account refused"},
	403: {transient, "operation not allowed"},
	404: {transient, "resource not found"},
	405: {transient, "method not allowed"},
	408: {transient, "time-out within the API"},
	409: {permanent, "resource exists already"},
	413: {permanent, "record too large"},
	429: {transient, "too many requests at once"},
	500: {transient, "fault within the API"},
	502: {transient, "fault within the API"},
	503: {transient, "API not available"},
	504: {transient, "time-out within the API"},
	509: {permanent, "event without a name"},
	512: {permanent, "event of invalid structure"},
	513: {permanent, "event name is CleverTap's own"},
	514: {permanent, "profile key Gender invalid"},
	515: {permanent, "profile key Email invalid"},
	516: {permanent, "profile key Phone invalid"},
	517: {permanent, "profile key Employed invalid"},
	518: {permanent, "profile key Education invalid"},
	519: {permanent, "profile key Married invalid"},
	520: {permanent, "profile key Age invalid"},
	522: {permanent, "event with too many properties"},
	523: {permanent, "record without an identity"},
	524: {permanent, "record neither event nor profile"},
	525: {permanent, "time is not in seconds since 1970"},
	526: {permanent, "objectId invalid"},
	528: {permanent, "event discarded in the dashboard"},
	530: {permanent, "token without a valid objectId"},
	531: {permanent, "token data missing"},
	532: {permanent, "token without an id"},
	533: {permanent, "token without a type"},
	534: {permanent, "token of a type that its objectId cannot have"},
	535: {permanent, "token data invalid"},
	555: {transient, "fault within the API"},
}

// maxCode bounds what is taken for a code: it ends up in a reason, of which metrics keep one series each.
const maxCode = 99_999

// classify tells what a code means for its record; 0 is no code.
func classify(number int) class {
	if number == 0 {
		return transient
	}
	if c, ok := codes[number]; ok {
		return c.class
	}
	return unlisted
}

// codeFault is the end of a record that was refused with a code, 0 if it came without: for good, or for now.
func codeFault(number int, kind fault.Kind) *fault.Fault {
	f := &fault.Fault{Kind: kind, Reason: fault.Transient}
	if number != 0 {
		f.Code = strconv.Itoa(number)
	}
	if kind == fault.Reject {
		f.Reason = fault.Reason("clevertap_" + f.Code)
	}
	c, ok := codes[number]
	switch {
	case ok:
		f.Err = errors.New("record refused: " + c.meaning)
	case number == 0:
		f.Err = errors.New("record refused without a code")
	default:
		f.Err = errors.New("record refused with a code that is not on CleverTap's list")
	}
	return f
}
