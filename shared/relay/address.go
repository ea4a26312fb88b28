package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"

	"github.com/purchasely-clevertap/bridge/shared/network"
)

// Limits of the connections to a back end, besides those of package network.
const (
	connections = 16 // that are kept
	maxHeader   = 64 << 10
)

// NewTransport makes the transport of requests to back ends. Unless private addresses are allowed, every address is
// judged at the moment it is dialled, so that a second DNS answer cannot get around the check. There is no proxy,
// which would hide the address.
func NewTransport(allowPrivate bool) *http.Transport {
	t := &http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    connections,
		MaxResponseHeaderBytes: maxHeader,
	}
	network.Limit(t)
	if !allowPrivate {
		dialer := &net.Dialer{Timeout: network.DialTimeout}
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return checkAddress(address)
		}
		t.DialContext = dialer.DialContext
	}
	return t
}

// errPrivate says that a back end's name leads to an address that is not on the internet.
var errPrivate = errors.New("address is not public")

// checkAddress refuses an address, with its port, that is not public.
func checkAddress(address string) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(parsed.Addr()) {
		return errPrivate
	}
	return nil
}

// isPublic reports whether an address is one of the internet. An IPv6 address that holds an IPv4 address has to be
// public itself and to hold a public one.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if inner, ok := embeddedIPv4(a); ok && !isPublic(inner) {
		return false
	}
	among := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return a.IsValid() && a.Zone() == "" && (a.Is4() || among(global6)) && !among(special)
}

// global6 are the only IPv6 addresses that are given out for the internet, and those that translators make of IPv4
// addresses.
var global6 = []netip.Prefix{netip.MustParsePrefix("2000::/3"), nat64}

// special are the networks among the others that no back end on the internet has: private, shared, local, reserved,
// for benchmarks, documentation and tunnels (IANA special-purpose address registries, November 2026).
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/3",
	"2001::/23", // Teredo among them: the IPv4 address in it is not the one that is reached
	"2001:db8::/32", "3fff::/20",
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// embeddedIPv4 returns the IPv4 address that an IPv6 address leads to: by a translator, by 6to4 or by ISATAP.
func embeddedIPv4(a netip.Addr) (inner netip.Addr, ok bool) {
	if !a.Is6() {
		return inner, false
	}
	b := a.As16()
	isatap := (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
	switch {
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case nat64.Contains(a), isatap:
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return inner, false
}
