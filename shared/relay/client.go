package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Limits of the connections to back ends.
const (
	dialTimeout      = 3 * time.Second
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 50 * time.Second // shorter than a load balancer's usual minute
	pingAfter        = 5 * time.Second  // without an answer on HTTP/2
	pingTimeout      = 2 * time.Second
	connections      = 16 // kept for each back end
)

// errPrivate says that a back end's name leads into a private network.
var errPrivate = errors.New("address is private")

// NewTransport makes the transport of requests to back ends. It judges every address at the moment it is dialled, so that a
// second DNS answer cannot get around the check. It uses no proxy, which would hide the address.
func NewTransport(allowPrivate bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !allowPrivate {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return checkAddress(address)
		}
	}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: handshakeTimeout,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		DisableCompression:  true,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     idleTimeout,
	}
}

// checkAddress refuses an address that is not public.
func checkAddress(address string) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(parsed.Addr()) {
		return errPrivate
	}
	return nil
}

// notPublic are the networks that no back end on the internet has: private, shared, local, reserved and documentation ones
// (IANA special-purpose address registries, November 2026).
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"::/127", "100::/64", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32", "3fff::/20", "5f00::/16",
	"2001::/32", // Teredo: the IPv4 address in it is not the one that is reached
	"64:ff9b:1::/48",
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// isPublic reports whether an address can be reached over the internet. An IPv6 address that holds an IPv4 address is as
// public as that.
func isPublic(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if inner, ok := embeddedIPv4(a); ok {
		return isPublic(inner)
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

var (
	compatible = netip.MustParsePrefix("::/96")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

// embeddedIPv4 returns the IPv4 address that an IPv6 address holds: IPv4-compatible, NAT64, 6to4 or ISATAP.
func embeddedIPv4(a netip.Addr) (inner netip.Addr, ok bool) {
	if !a.Is6() {
		return inner, false
	}
	b := a.As16()
	isatap := (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
	switch {
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case compatible.Contains(a) && b[12]|b[13]|b[14] != 0, nat64.Contains(a), isatap:
		return netip.AddrFrom4([4]byte(b[12:16])), true
	}
	return inner, false
}

// newRequest makes the request for a message: the webhook's bytes with the headers that Purchasely signed.
func newRequest(ctx context.Context, url string, m *message.Queued, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "purchasely-clevertap-bridge")
	r.Header.Set("X-PURCHASELY-TIMESTAMP", m.Attribute(message.AttrTimestamp))
	r.Header.Set("X-PURCHASELY-REQUEST-SIGNATURE", m.Attribute(message.AttrSignature))
	r.Header.Set("Bridge-Attempt", strconv.Itoa(m.Receives))
	r.Header.Set("Bridge-Received-At", m.Attribute(message.AttrReceived))
	return r, nil
}

// networkFault names the end of a request without an answer. Of the address only the host is kept: a path may hold a token.
func networkFault(ctx context.Context, host string, err error) *fault.Fault {
	reason, kind := fault.Network, fault.Retry
	timeout, isNet := errors.AsType[net.Error](err)
	_, noHost := errors.AsType[*net.DNSError](err)
	number, known := errors.AsType[syscall.Errno](err)
	text := "connection failed"
	switch {
	case errors.Is(err, errPrivate):
		text, kind = "address is private; RelayAllowPrivate allows it", fault.Operator
	case ctx.Err() != nil, isNet && timeout.Timeout():
		reason, text = fault.Timeout, "no answer in time"
	case noHost:
		text = "host not found"
	case known:
		text = number.Error()
	case isCertificate(err):
		text = "certificate not accepted"
	}
	return fault.New(kind, reason, fmt.Errorf("%s: %s", host, text))
}

func isCertificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	return verification
}

// statusFault names an answer other than 2xx, and how long the back end asks to be left alone.
func statusFault(host string, r *http.Response) (retryAfter time.Duration, err error) {
	f := fault.New(fault.Retry, fault.BackEnd, fmt.Errorf("%s: status %d", host, r.StatusCode))
	f.Code = strconv.Itoa(r.StatusCode)
	return parseRetryAfter(r.Header.Get("Retry-After"), time.Now()), f
}

// parseRetryAfter reads seconds or a date; 0 if there is neither.
func parseRetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, longestDelay)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), longestDelay)
	}
	return 0
}

// Breakers remember, in a warm process, which back ends are left alone.
type Breakers struct {
	first time.Duration

	mu    sync.Mutex
	byURL map[string]*breaker
}

// NewBreakers makes breakers whose first pause is that long.
func NewBreakers(first time.Duration) *Breakers {
	return &Breakers{first: first, byURL: make(map[string]*breaker)}
}

func (b *Breakers) of(url string) *breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.byURL[url]
	if one == nil {
		one = &breaker{first: b.first, pause: b.first}
		b.byURL[url] = one
	}
	return one
}

const (
	failuresToOpen = 3
	longestPauses  = 10 // times the first pause
)

// breaker leaves a back end alone after failures in a row. When the pause is over, one request tries.
type breaker struct {
	first time.Duration

	mu       sync.Mutex
	failures int
	pause    time.Duration
	until    time.Time // zero: closed
	trying   bool
}

// admit reports whether a request may be made now.
func (b *breaker) admit(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return true
	}
	if now.Round(0).Before(b.until) || b.trying {
		return false
	}
	b.trying = true
	return true
}

// settle takes the result of a request that was admitted.
func (b *breaker) settle(now time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ok {
		b.failures, b.pause, b.until, b.trying = 0, b.first, time.Time{}, false
		return
	}
	b.failures++
	opens := b.until.IsZero() && b.failures >= failuresToOpen
	if opens || b.trying {
		b.until, b.trying = now.Round(0).Add(b.pause), false
		b.pause = min(2*b.pause, longestPauses*b.first)
	}
}
