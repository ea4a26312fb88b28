package receive

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/httpapi"
)

// header returns the value of a header, "" if it was sent twice.
func header(r httpapi.Request, name string) string {
	value := r.Header(name)
	if strings.Contains(value, ",") { // API Gateway joins the values of two headers.
		return ""
	}
	return value
}

// Sources are the addresses that webhooks may come from.
type Sources []netip.Prefix

// allow reports whether a request comes from one of the sources. Only the address that API Gateway has seen
// counts, not what the sender writes into headers.
func (s Sources) allow(r httpapi.Request) bool {
	if len(s) == 0 {
		return true
	}
	var context struct {
		HTTP struct {
			SourceIP netip.Addr `json:"sourceIp"`
		} `json:"http"`
	}
	if err := json.Unmarshal(r.Context, &context, httpapi.Lenient); err != nil {
		return false
	}
	address := context.HTTP.SourceIP.Unmap()
	return slices.ContainsFunc(s, func(p netip.Prefix) bool { return p.Contains(address) })
}
