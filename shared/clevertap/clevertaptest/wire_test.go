package clevertaptest_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// listening puts a server on loopback for the length of the test.
func listening(t *testing.T, s *clevertaptest.Server) (*clevertaptest.Listener, *http.Transport) {
	t.Helper()
	l, err := s.Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Transport{}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, client
}

// TestFaultsOfTheWire provokes each fault of a connection without a network and over one, and asks what was stored.
func TestFaultsOfTheWire(t *testing.T) {
	const blanks = 16<<20 + 1
	for name, c := range map[string]struct {
		fault  clevertaptest.Fault
		stored int
		err    error
		status int
		body   string // its end; "" where there is none
		size   int
	}{
		"reset before":  {fault: clevertaptest.Fault{Kind: clevertaptest.ResetBefore}, err: syscall.ECONNRESET},
		"reset after":   {fault: clevertaptest.Fault{Kind: clevertaptest.ResetAfter}, err: syscall.ECONNRESET, stored: 1},
		"half":          {fault: clevertaptest.Fault{Kind: clevertaptest.Half}, err: io.ErrUnexpectedEOF, stored: 1, status: 200, body: `,"proc`, size: 25},
		"garbage":       {fault: clevertaptest.Fault{Kind: clevertaptest.Garbage}, stored: 1, status: 200, body: "</html>\n", size: 72},
		"empty":         {fault: clevertaptest.Fault{Kind: clevertaptest.Empty}, stored: 1, status: 200},
		"huge":          {fault: clevertaptest.Fault{Kind: clevertaptest.Huge}, stored: 1, status: 200, body: ` {"status":"success","processed":1,"unprocessed":[]}`, size: blanks + 51},
		"a 503":         {fault: clevertaptest.Fault{Kind: clevertaptest.Status}, status: 503, body: `"code":503}`, size: 52},
		"a 500, stored": {fault: clevertaptest.Fault{Kind: clevertaptest.Status, Status: 500, Stored: true, Body: "empty"}, stored: 1, status: 500},
		"a 204":         {fault: clevertaptest.Fault{Kind: clevertaptest.Status, Status: 204}, status: 204},
		"a 504 in HTML": {fault: clevertaptest.Fault{Kind: clevertaptest.Status, Status: 504, Body: "html"}, status: 504, body: "</html>\n", size: 98},
	} {
		check := func(t *testing.T, s *clevertaptest.Server, by http.RoundTripper, url string) {
			t.Helper()
			got, err := attempt(by, requestOf(t, url, events(1)))
			if !errors.Is(err, c.err) || got.status != c.status || !strings.HasSuffix(got.body, c.body) || len(got.body) != c.size {
				t.Errorf("%v, status %d, %d bytes of body", err, got.status, len(got.body))
			}
			if n := len(s.Records(account)); n != c.stored {
				t.Errorf("%d stored, want %d", n, c.stored)
			}
			kept := s.Requests()[0]
			if kept.Status != c.status || len(kept.Faults) != 1 || kept.Faults[0] != c.fault.Kind {
				t.Errorf("recorded %d %v", kept.Status, kept.Faults)
			}
			if again := call(t, by, requestOf(t, url, events(1))); again.status != http.StatusOK || again.body[0] != '{' {
				t.Errorf("the fault befalls the second request too: %d", again.status)
			}
		}
		c.fault.Count = 1
		t.Run(name+", in process", func(t *testing.T) {
			s := serverOf(withFaults(c.fault))
			check(t, s, s.Transport(), upload)
		})
		t.Run(name+", over HTTP", func(t *testing.T) {
			s := serverOf(withFaults(c.fault))
			l, client := listening(t, s)
			check(t, s, client, l.URL+"/api.clevertap.com/1/upload")
		})
	}
}

func TestResetsOverHTTP2(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.ResetAfter, Count: 1}))
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	if _, err := attempt(server.Client().Transport, requestOf(t, server.URL+"/1/upload", events(1))); err == nil {
		t.Error("no reset")
	}
	if len(s.Records("")) != 1 {
		t.Error("not stored")
	}
}

func TestRefusedInProcess(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Refuse, From: 2, Count: 2}))
	for n := range 4 {
		_, err := attempt(s.Transport(), requestOf(t, upload, events(1)))
		if refused := n == 1 || n == 2; errors.Is(err, syscall.ECONNREFUSED) != refused {
			t.Errorf("request %d: %v", n+1, err)
		}
	}
}

func TestRedirectsLeadIntoATrap(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 307}))
	got := call(t, s.Transport(), requestOf(t, upload, events(1)))
	if got.status != http.StatusTemporaryRedirect || len(s.Objections()) != 0 {
		t.Fatalf("%d, %v", got.status, s.Objections())
	}
	call(t, s.Transport(), requestOf(t, "https://api.clevertap.com"+got.header.Get("Location"), events(1)))
	if got := rules(s); len(got) != 1 || got[0] != clevertaptest.RedirectFollowed {
		t.Errorf("%v", got)
	}
	s.ClearFaults()
	s.AddFault(clevertaptest.Fault{Kind: clevertaptest.Status, Status: 302, Location: "https://example.com/"})
	if got := call(t, s.Transport(), requestOf(t, upload, events(1))); got.header.Get("Location") != "https://example.com/" {
		t.Errorf("location %q", got.header.Get("Location"))
	}
}

// TestTooLargeIsAnsweredBeforeItIsRead sends a body that never ends.
func TestTooLargeIsAnsweredBeforeItIsRead(t *testing.T) {
	s := serverOf()
	l, client := listening(t, s)
	in, out := io.Pipe()
	r := requestOf(t, l.URL+"/1/upload", "")
	r.Body, r.ContentLength, r.GetBody = in, 5<<20, nil
	go func() { _, _ = out.Write([]byte(`{"d":[`)) }()
	got := call(t, client, r)
	if got.status != http.StatusRequestEntityTooLarge || !got.last || !strings.HasPrefix(got.body, "<html>") {
		t.Errorf("%d %s", got.status, got.body)
	}
	_ = out.Close()
}

func TestListenerIsForLoopback(t *testing.T) {
	for address, good := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "0.0.0.0:0": false, ":0": false, "[::]:0": false, "192.0.2.1:0": false, "example.com:80": false, "127.0.0.1": false,
	} {
		l, err := serverOf().Listen(address, "")
		if (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			_ = l.Close()
		}
	}
}

func TestHTTPS(t *testing.T) {
	s := serverOf(withAccount(func(a *clevertaptest.Account) { a.Region = "in1" }))
	l, err := s.ListenTLS("127.0.0.1:0", "us1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dial := func(name string) *http.Transport {
		return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: l.Roots, ServerName: name, MinVersion: tls.VersionTLS12}}
	}
	trusting := dial("in1.api.clevertap.com")
	defer trusting.CloseIdleConnections()
	host := func(r *http.Request) { r.Host = "in1.api.clevertap.com" }
	if got := call(t, trusting, requestOf(t, l.URL+"/1/upload", events(1), host)); got.status != http.StatusOK {
		t.Errorf("%d", got.status)
	}
	if got := call(t, trusting, requestOf(t, l.URL+"/1/upload", events(1))); got.status != http.StatusUnauthorized {
		t.Errorf("the listener's own region does not count: %d", got.status)
	}
	if _, err := attempt(dial("example.com"), requestOf(t, l.URL+"/1/upload", events(1))); err == nil {
		t.Error("the certificate is good for every name")
	}
	if _, err := attempt(&http.Transport{}, requestOf(t, l.URL+"/1/upload", events(1))); err == nil {
		t.Error("the certificate is trusted by everybody")
	}
}

// TestRefuseClosesTheListener opens a connection, then finds it closed and the port too, and at last open again.
func TestRefuseClosesTheListener(t *testing.T) {
	s := serverOf()
	l, client := listening(t, s)
	url := l.URL + "/1/upload"
	if got := call(t, client, requestOf(t, url, events(1))); got.status != http.StatusOK {
		t.Fatal(got.status)
	}
	s.AddFault(clevertaptest.Fault{Kind: clevertaptest.Refuse, Wait: 1 << 62})
	fresh := &http.Transport{DisableKeepAlives: true}
	if _, err := attempt(fresh, requestOf(t, url, events(1))); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
	if _, err := attempt(client, requestOf(t, url, events(1))); err == nil {
		t.Error("the old connection still answers")
	}
	if n := len(s.Records("")); n != 1 {
		t.Errorf("%d stored", n)
	}
}

func TestRefuseEnds(t *testing.T) {
	s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Refuse, From: 2, Wait: 1}))
	l, client := listening(t, s)
	if got := call(t, client, requestOf(t, l.URL+"/1/upload", events(1))); got.status != http.StatusOK {
		t.Fatal(got.status)
	}
	for {
		got, err := attempt(client, requestOf(t, l.URL+"/1/upload", events(1)))
		if err == nil && got.status == http.StatusOK {
			return
		}
		if _, network := errors.AsType[*net.OpError](err); !network && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
}
