package clevertaptest

import (
	"net"
	"strings"
)

// The vendor's hosts ("Regions" on the page common-api-components, November 2026): the bare host is Europe.
const (
	bareHost      = "api.clevertap.com"
	defaultRegion = "eu1"
)

// shortRegions are the spellings that stand for a region code.
var shortRegions = map[string]string{
	"": defaultRegion, "eu": defaultRegion, "global": defaultRegion, "none": defaultRegion,
	"in": "in1", "sg": "sg1", "us": "us1", "sk": "sk1",
}

// regionCode gives the code that a region's spelling stands for.
func regionCode(region string) string {
	region = strings.ToLower(strings.TrimSpace(region))
	if code, short := shortRegions[region]; short {
		return code
	}
	return region
}

// regionOf tells which region a host of CleverTap's serves, and "" for any other host.
func regionOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	if host == bareHost {
		return defaultRegion
	}
	code, ours := strings.CutSuffix(host, "."+bareHost)
	if !ours || !isRegion(code) {
		return ""
	}
	return code
}

// isRegion tells whether a text has the shape of a region code: two to five letters, then one or two digits.
func isRegion(code string) bool {
	digits := strings.TrimLeft(code, "abcdefghijklmnopqrstuvwxyz")
	letters := len(code) - len(digits)
	return letters >= 2 && letters <= 5 && (len(digits) == 1 || len(digits) == 2) && strings.Trim(digits, "0123456789") == ""
}

// splitHost takes a host name off the front of a path: "/in1.api.clevertap.com/1/upload" names the host that the caller
// would have called.
func splitHost(path string) (host, rest string) {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !strings.HasPrefix(path, "/") || !isHostName(first) {
		return "", path
	}
	return first, path[1+len(first):]
}

// isHostName tells whether a path segment can only be a host name: labels of letters, digits and hyphens with a dot
// between them, and perhaps a port.
func isHostName(segment string) bool {
	name, _, _ := strings.Cut(segment, ":")
	labels := strings.Split(name, ".")
	for _, label := range labels {
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
		if label == "" {
			return false
		}
	}
	return len(labels) > 1
}
