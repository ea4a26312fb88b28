package clevertap

import (
	"errors"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// domain ends the name of every host of CleverTap's API; alone it is the host of Europe, the default region.
const domain = "api.clevertap.com"

var errRegion = errors.New("clevertap secret: region is not a region's code")

// Host gives the host of a region's code, whatever its letter case and the spaces around it. The vendor adds regions, so
// every text of the usual form counts as one: two to five letters, one or two digits. Nothing else may become a host's name,
// or a mistake in the secret would send the passcode to a stranger. The error is [fault.Operator], reason [fault.Credentials].
//
// Regions: developer.clevertap.com/docs/authentication (November 2026).
func Host(region string) (string, error) {
	code := strings.ToLower(strings.TrimSpace(region))
	switch code {
	case "", "eu", "eu1", "global", "none":
		return domain, nil
	case "in", "us", "sg", "sk":
		return code + "1." + domain, nil
	}
	if !isRegion(code) {
		return "", fault.New(fault.Operator, fault.Credentials, errRegion)
	}
	return code + "." + domain, nil
}

// isRegion tells whether a text fits ^[a-z]{2,5}[0-9]{1,2}$.
func isRegion(code string) bool {
	digits := strings.TrimLeft(code, "abcdefghijklmnopqrstuvwxyz")
	letters := len(code) - len(digits)
	return letters >= 2 && letters <= 5 && len(digits) >= 1 && len(digits) <= 2 && strings.Trim(digits, "0123456789") == ""
}
