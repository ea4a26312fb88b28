package relay_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/relay"
)

func TestOnlyAddressesOfTheInternetArePublic(t *testing.T) {
	for what, addresses := range map[string]string{
		"unspecified":                        "0.0.0.0 0.1.2.3 ::",
		"loopback":                           "127.0.0.1 127.255.255.254 ::1",
		"private":                            "10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 fc00::1 fd12:3456::1",
		"carrier-grade":                      "100.64.0.1 100.127.255.255",
		"link-local":                         "169.254.1.1 fe80::1 fe80::1%eth0 febf::1",
		"a cloud's metadata":                 "169.254.169.254 169.254.170.2 fd00:ec2::254",
		"site-local, which is over":          "fec0::1",
		"protocol assignments":               "192.0.0.1 192.0.0.170 2001:1::1 2001:1ff:ffff::1",
		"documentation":                      "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1 3fff:fff::1",
		"benchmarks":                         "198.18.0.1 198.19.255.255 2001:2::1",
		"6to4 relays, which are over":        "192.88.99.1",
		"multicast":                          "224.0.0.1 239.255.255.255 ff02::1 ff0e::1",
		"reserved and broadcast":             "240.0.0.1 255.255.255.255 4000::1 5f00::1 8000::1",
		"discard only":                       "100::1",
		"a compatible address":               "::127.0.0.1 ::10.0.0.1 ::8.8.8.8",
		"NAT64 of a network's own":           "64:ff9b:1::1 64:ff9b:1::8.8.8.8",
		"Teredo, whatever is in it":          "2001:0:808:808::f7f7:f7f7 2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe",
		"ISATAP in a network that is local":  "fe80::5efe:8.8.8.8 fc00::200:5efe:8.8.8.8",
		"ISATAP in a documentation network":  "2001:db8::5efe:8.8.8.8",
		"ISATAP to a private address, by it": "2001:db8::5efe:192.168.0.1",
	} {
		for text := range strings.FieldsSeq(addresses) {
			if relay.IsPublic(netip.MustParseAddr(text)) {
				t.Errorf("%s: %s is public", what, text)
			}
		}
	}
	for what, addresses := range map[string]string{
		"the internet, IPv4": "8.8.8.8 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 " +
			"128.0.0.1 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 " +
			"198.17.255.255 198.20.0.0 223.255.255.255",
		"the internet, IPv6":           "2000::1 2a00:1450:4001:82b::200e 2600:1f18::1 2001:200::1 3ffe::1 3fff:1000::1",
		"a mapped public address":      "::ffff:8.8.8.8",
		"NAT64 to a public address":    "64:ff9b::8.8.8.8",
		"6to4 to a public address":     "2002:808:808::1",
		"ISATAP to a public address":   "2a00:1450::5efe:8.8.8.8",
		"nearly ISATAP, with a 10 end": "2a00:1450::5eff:10.0.0.1 2a00:1450::100:5efe:10.0.0.1",
	} {
		for text := range strings.FieldsSeq(addresses) {
			if !relay.IsPublic(netip.MustParseAddr(text)) {
				t.Errorf("%s: %s is not public", what, text)
			}
		}
	}
	if relay.IsPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// No form in which IPv6 holds an IPv4 address makes a private one public.
func TestNoIPv6FormHidesAPrivateAddress(t *testing.T) {
	forms := map[string]func(ip [4]byte) [16]byte{
		"mapped":     func(ip [4]byte) (b [16]byte) { b[10], b[11] = 255, 255; copy(b[12:], ip[:]); return b },
		"compatible": func(ip [4]byte) (b [16]byte) { copy(b[12:], ip[:]); return b },
		"translated": func(ip [4]byte) (b [16]byte) { b[8], b[9] = 255, 255; copy(b[12:], ip[:]); return b },
		"NAT64":      func(ip [4]byte) (b [16]byte) { copy(b[:], "\x00\x64\xff\x9b"); copy(b[12:], ip[:]); return b },
		"6to4":       func(ip [4]byte) (b [16]byte) { b[0], b[1] = 0x20, 2; copy(b[2:], ip[:]); return b },
		"ISATAP": func(ip [4]byte) (b [16]byte) {
			b[0], b[1], b[8], b[10], b[11] = 0x2a, 7, 2, 0x5e, 0xfe
			copy(b[12:], ip[:])
			return b
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		network := netip.MustParsePrefix(rapid.SampledFrom([]string{
			"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
		}).Draw(t, "network"))
		ip, base := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")), network.Addr().As4()
		for bit := range network.Bits() {
			mask := byte(0x80) >> (bit % 8)
			ip[bit/8] = ip[bit/8]&^mask | base[bit/8]&mask
		}
		for form, in := range forms {
			if a := netip.AddrFrom16(in(ip)); relay.IsPublic(a) || relay.IsPublic(netip.AddrFrom4(ip)) {
				t.Fatalf("%s: %s holds %v and is public", form, a, ip)
			}
		}
	})
}

// accepting listens on loopback and counts connections.
func accepting(t *testing.T, network, address string) (port string, count *atomic.Int32) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	count = &atomic.Int32{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			_ = c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, count
}

// post posts to a URL with a transport of its own.
func post(t *testing.T, url string, allowPrivate bool) (relay.Answer, *fault.Fault) {
	t.Helper()
	transport := relay.NewTransport(allowPrivate)
	defer transport.CloseIdleConnections()
	c := &relay.Client{Transport: transport, AllowPlain: allowPrivate}
	to := &integration.Relay{URL: url, Timeout: 5 * time.Second}
	answer, err := c.Post(t.Context(), to, relay.Webhook{Body: []byte("{}")}, nil)
	f, _ := errors.AsType[*fault.Fault](err)
	return answer, f
}

func TestAPrivateAddressIsNeverDialledHoweverItIsWritten(t *testing.T) {
	port, count := accepting(t, "tcp4", "127.0.0.1:0")
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
		"[2002:7f00:1::]", "[::1]", "0.0.0.0", "[::]", "169.254.169.254", "10.0.0.1", "[fd00:ec2::254]",
	} {
		began := time.Now()
		_, f := post(t, "https://"+host+":"+port+"/hook?token=4711", false)
		if f == nil || f.Kind != fault.Operator || !strings.Contains(f.Error(), "address is not public") {
			t.Errorf("%s: %v", host, f)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: refused after %s", host, took)
		}
	}
	if n := count.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
	if _, f := post(t, "https://127.0.0.1:"+port, true); f == nil || f.Reason != fault.Network || count.Load() == 0 {
		t.Errorf("where it is allowed: %v after %d connections", f, count.Load())
	}
}

func TestNoProxyHidesTheAddress(t *testing.T) {
	port, count := accepting(t, "tcp4", "127.0.0.1:0")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:"+port)
	t.Setenv("ALL_PROXY", "http://127.0.0.1:"+port)
	if relay.NewTransport(false).Proxy != nil {
		t.Error("the transport has a proxy")
	}
	_, f := post(t, "https://127.0.0.1:1", false)
	if f == nil || count.Load() != 0 {
		t.Errorf("%v after %d connections to the proxy", f, count.Load())
	}
}
