package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A container knows this machine by a name, and trusts the certificate of the run alone.
func TestARelayLeadsToLoopback(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "got "+string(body))
	}))
	defer server.Close()
	_, text, _ := net.SplitHostPort(server.Listener.Addr().String())
	port, _ := strconv.Atoi(text)
	certificate, authority, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	for scheme, with := range map[string]*tls.Certificate{"http": nil, "https": certificate} {
		var d docker
		defer d.stop()
		if err := d.relay("127.0.0.1", 0, port, with); err != nil {
			t.Fatal(err)
		}
		container := &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, d.listeners[0].Addr().String())
			},
			DisableKeepAlives: true,
		}}
		post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+containerHost,
			strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := answer(container, post)
		if err != nil || len(got) != 100_004 {
			t.Errorf("%s: %d bytes, %v", scheme, len(got), err)
		}
	}
	if err := (&docker{}).relay("127.0.0.1", port, port, nil); err == nil {
		t.Error("a port in use is no error")
	}
}

func TestTheTemplateForContainersNamesEveryVariable(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(buildFolder, 0o750); err != nil {
		t.Fatal(err)
	}
	const built = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n" +
		"  Receiver:\n    Properties:\n      CodeUri: Receiver\n" +
		"  Forwarder:\n    Properties:\n      Environment: {Variables: {OLD: x}}\n"
	if err := os.WriteFile(filepath.Join(buildFolder, "template.yaml"), []byte(built), 0o600); err != nil {
		t.Fatal(err)
	}
	err := writeTemplate(map[string]map[string]string{"Receiver": {"A": "1"}, "Forwarder": {"B": "2", "C": "3"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(buildFolder + "/docker.json")
	const want = `{"AWSTemplateFormatVersion":"2010-09-09","Resources":{` +
		`"Forwarder":{"Properties":{"Environment":{"Variables":{"B":"","C":""}}}},` +
		`"Receiver":{"Properties":{"CodeUri":"Receiver","Environment":{"Variables":{"A":""}}}}}}` + "\n"
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	err = writeTemplate(map[string]map[string]string{"Users": {}})
	if err == nil || !strings.Contains(err.Error(), "no function Users") {
		t.Errorf("got %v", err)
	}
}

func TestOneFileIsTriedAfterTheStepsBeforeIt(t *testing.T) {
	t.Chdir("../..")
	all, err := loadFixtures("events")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"events/receiver-activate.json":             "activate",
		"./events/receiver-transfer-1-started.json": "transfer-1-started",
		"events/receiver-transfer-3-transferred.json": "transfer-1-started transfer-2-received " +
			"transfer-3-transferred",
		"events/forwarder-mixed.json":            "forwarder-mixed",
		"events/webhooks/activate.json":          "own events/webhooks/activate.json",
		"events/receiver-activate.want.json":     "own events/receiver-activate.want.json",
		"events/receiver-that-is-not-there.json": "no such file",
	} {
		chosen, err := all.only(file)
		var got []string
		for _, w := range chosen.webhooks {
			got = append(got, w.name)
		}
		for _, b := range chosen.batches {
			got = append(got, b.name)
		}
		if chosen.own != "" {
			got = append(got, "own", chosen.own)
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if text := strings.Join(got, " "); !strings.Contains(text, want) {
			t.Errorf("%s: got %q, want %q", file, text, want)
		}
	}
}

func TestABatchIsALine(t *testing.T) {
	b := batchOutcome{Outcomes: []messageOutcome{
		{"1", "delivered", ""}, {"2", "rejected", "malformed"}, {"3", "delivered", ""}, {"4", "skipped", "sandbox"},
	}}
	const want = "4 messages → 2 delivered, 1 rejected: malformed, 1 skipped: sandbox"
	if got := b.text(); got != want {
		t.Errorf("got %q", got)
	}
}

func TestAnEventFindsItsFunction(t *testing.T) {
	for event, want := range map[string]string{
		`{"version":"2.0","requestContext":{},"body":"x"}`: "Receiver",
		`{"Records":[]}`:              "Forwarder",
		`{"event_name":"ACTIVATE"}`:   "neither a request nor a batch",
		`[]`:                          "neither a request nor a batch",
		`{"Records":[]} and no more `: "neither a request nor a batch",
	} {
		got, err := functionOf([]byte(event))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", event, got, want)
		}
	}
}
