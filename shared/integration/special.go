package integration

import (
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Attributes that the bridge treats in its own way, whatever the default says.
const (
	purchaseToken   = "purchase_token"           // a credential of the buyer's purchase: off unless named
	planPeriodicity = "plan_periodicity"         // made from a distance of dates: off unless named
	revenueInUSD    = "cumulated_revenue_in_usd" // the only planned user property that a payload can fill
	deviceType      = "device_type"              // renamed, see purchaseDevice
	purchaseDevice  = "purchase_" + deviceType   // CleverTap has a system property of the short name
	eventID         = "event_id"                 // always goes along: CleverTap's only means against duplicates
	environment     = "environment"              // always goes along: tells test purchases from money
)

// alwaysSent tells whether an event property goes along whatever the file says.
func alwaysSent(name string) bool { return name == eventID || name == environment }

// neverSent says why an attribute is no property and no user property, "" if it may be one.
func neverSent(c *webhook.Catalogue, name string) string {
	switch flat := afterObject(c, name); {
	case name == "api_version", name == "event_name":
		return "it describes the webhook, not the event"
	case flat == "clevertap_id", flat == "clever_tap_id", flat == "integration_clevertap_id":
		return "it addresses the record"
	}
	if a := c.Attribute([]byte(name)); a != nil && a.Type == webhook.Millis {
		return "it repeats " + strings.TrimSuffix(name, "_ms") + ", which is sent as a date"
	}
	return ""
}

// afterObject gives what a flat name has behind the name of a catalogued object, or the name itself: the value of key b in
// object a is called a_b.
func afterObject(c *webhook.Catalogue, name string) string {
	for i := range c.Attributes {
		if a := &c.Attributes[i]; a.Type == webhook.Object && len(name) > len(a.Name)+1 && strings.HasPrefix(name, a.Name+"_") {
			return name[len(a.Name)+1:]
		}
	}
	return name
}

// inDefault tells whether a user property is sent without being named.
func inDefault(a *webhook.Attribute, set string) bool {
	switch set {
	case "published":
		return a.Property == webhook.Published
	case "all":
		return a.Property != webhook.NoProperty && !onlyNamed(a)
	default:
		return false
	}
}

// onlyNamed tells whether a user property is off unless it is named, also under all.
func onlyNamed(a *webhook.Attribute) bool {
	return a.Property == webhook.Planned || a.Name == planPeriodicity
}
