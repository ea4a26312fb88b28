package receive

import (
	"net/http"
	"strconv"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Every answer there is, as API Gateway takes it. They are written once and never changed.
var (
	queued       = answer(http.StatusOK, "status", "queued")
	notFound     = answer(http.StatusNotFound, "error", fault.UnknownApp)
	tooLarge     = answer(http.StatusRequestEntityTooLarge, "error", fault.TooLarge)
	unauthorized = answer(http.StatusUnauthorized, "error", fault.Unauthorized)
	unavailable  = answer(http.StatusServiceUnavailable, "error", fault.Unavailable)
)

// refusal gives a fault's status and answer. Whatever is not one of the three rejects may pass later.
func refusal(f *fault.Fault) (status int, answer []byte) {
	if f.Kind == fault.Reject {
		switch f.Reason {
		case fault.UnknownApp:
			return http.StatusNotFound, notFound
		case fault.TooLarge:
			return http.StatusRequestEntityTooLarge, tooLarge
		case fault.BadSignature, fault.Stale, fault.Future, fault.Source:
			return http.StatusUnauthorized, unauthorized
		}
	}
	return http.StatusServiceUnavailable, unavailable
}

// answer writes a response in payload format 2.0. Keys and words are our own and need no escaping.
func answer(status int, key string, word fault.Reason) []byte {
	return []byte(`{"statusCode":` + strconv.Itoa(status) + `,"headers":{"content-type":"application/json"},` +
		`"body":"{\"` + key + `\":\"` + string(word) + `\"}"}`)
}
