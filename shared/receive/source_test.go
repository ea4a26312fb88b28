package receive_test

import (
	"net/netip"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/receive"
)

func TestOnlyAllowedSourcesAreBelieved(t *testing.T) {
	at := func(address any) map[string]any {
		return map[string]any{"http": map[string]any{"method": "POST", "sourceIp": address}}
	}
	for name, c := range map[string]struct {
		context any
		header  string // X-Forwarded-For
		allowed bool
	}{
		"an address of the block":                {at("203.0.113.17"), "", true},
		"its first and only neighbour":           {at("198.51.100.7"), "", true},
		"an address beside it":                   {at("203.0.114.17"), "", false},
		"an IPv6 address of a block":             {at("2001:db8::17"), "", true},
		"one outside":                            {at("2001:db9::17"), "", false},
		"an IPv4 address written as IPv6":        {at("::ffff:203.0.113.17"), "", true},
		"an address that a header claims":        {at("192.0.2.1"), "203.0.113.17", false},
		"no address":                             {at(nil), "", false},
		"an empty one":                           {at(""), "", false},
		"a word":                                 {at("localhost"), "", false},
		"two addresses":                          {at("192.0.2.1,203.0.113.17"), "", false},
		"a number":                               {at(17), "", false},
		"no context":                             {nil, "", false},
		"a context that is a list":               {[]any{"203.0.113.17"}, "", false},
		"an address in another place":            {map[string]any{"sourceIp": "203.0.113.17"}, "", false},
		"an address of the old payload's format": {map[string]any{"identity": map[string]any{"sourceIp": "203.0.113.17"}}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Sources = receive.Sources{
				netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::/32"),
			}
			payload := request(t, func(event, headers map[string]any) {
				event["requestContext"] = c.context
				if c.header != "" {
					headers["x-forwarded-for"] = c.header
				}
			})
			if c.allowed {
				b.wants(payload, 200, "", "demo")
				return
			}
			b.wants(payload, 401, fault.Source, "demo")
		})
	}
}

func TestWithoutSourcesEveryAddressIsAllowed(t *testing.T) {
	newBench(t).wants(request(t, func(event, _ map[string]any) { delete(event, "requestContext") }), 200, "", "demo")
}
