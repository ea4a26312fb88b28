package clevertap

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

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
