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
	read    verdict = iota // the body says what became of each record
	passing                // the upload may pass later
	busy                   // the upload was not processed: too many at once
	renew                  // the credentials are refused: the secret may hold newer ones
	foreign                // the account's settings are wrong, and a newer passcode would not mend them
	halve                  // some record, or the size, makes CleverTap refuse all
)

// judge gives the verdict on a status. Only 200 has ever carried an answer with a verdict on records: the other statuses of
// success count as an unreadable answer (developer.clevertap.com/docs/api-errors, November 2026).
func judge(status int) verdict {
	switch {
	case status == http.StatusOK:
		return read
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return renew
	case status == http.StatusPaymentRequired, status == http.StatusNotFound, status == http.StatusMethodNotAllowed,
		status >= 300 && status < 400:
		return foreign
	case status == http.StatusRequestTimeout:
		return passing
	case status == http.StatusTooManyRequests:
		return busy
	case status >= 400 && status < 500:
		return halve
	default:
		return passing
	}
}

// statusFault is the end of a record whose upload got a status that is not read, if nothing more can be done about it.
func statusFault(status int) *fault.Fault {
	code := strconv.Itoa(status)
	f := &fault.Fault{Kind: fault.Retry, Reason: fault.Server, Code: code, Err: fmt.Errorf("upload: status %d", status)}
	switch judge(status) {
	case busy:
		f.Reason = fault.RateLimited
	case renew, foreign:
		f.Kind, f.Reason = fault.Operator, fault.Credentials
	case halve:
		f.Kind, f.Reason = fault.Reject, fault.Reason("clevertap_http_"+code)
	case read, passing:
		switch {
		case status == http.StatusRequestTimeout:
			f.Reason = fault.Timeout
		case status < 300:
			f.Reason = fault.UnreadableAnswer
		}
	}
	return f
}

// Ends of records that no status tells. They are shared, because nobody changes a fault, and their texts say nothing of
// the request: errors of the network may hold its address.
var (
	faultTimeout    = retry(fault.Timeout, "upload: no answer in time")
	faultNetwork    = retry(fault.Network, "upload: connection failed")
	faultUnreadable = retry(fault.UnreadableAnswer, "upload: answer cannot be read")
	faultUnmatched  = retry(fault.Unmatched, "upload: answer does not account for the record")
	faultGroup      = retry(fault.GroupOrder, "record: an earlier message of its group comes back")
	faultNoTime     = retry(fault.NoTime, "record: no time left for its upload")
	faultLimited    = retry(fault.RateLimited, "record: account asked to wait longer than there is time")
	faultBreaker    = retry(fault.Breaker, "record: account is left alone for now")
	faultBlanket    = retry(fault.AccountRejectsAll, "record: account has whatever it sends refused")
	faultPanic      = retry(fault.Unknown, "record: upload panicked")
	faultRefresh    = fault.New(fault.Operator, fault.Credentials, errors.New("upload: credentials refused, and newer ones out of reach"))
)

func retry(reason fault.Reason, text string) *fault.Fault {
	return fault.New(fault.Retry, reason, errors.New(text))
}
