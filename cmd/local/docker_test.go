package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// A container knows this machine by a name, and trusts the certificate of the run alone.
func TestAProxyLeadsToItsServer(t *testing.T) {
	authority, err := newAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{}
	defer s.stop()
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		got := []string{r.Method, r.URL.Path, r.Header.Get("X-Purchasely-Timestamp"), strconv.Itoa(len(body))}
		_ = json.MarshalWrite(w, got)
	})
	api, err := s.serve("127.0.0.1", 0, nil, echo)
	if err != nil {
		t.Fatal(err)
	}
	for scheme, with := range map[string]*tls.Certificate{"http": nil, "https": authority.certificate} {
		address, err := s.serve("127.0.0.1", 0, with, proxy(api+"/stage", nil))
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(address, scheme+"://"))
		transport := authority.client.Transport.(*http.Transport).Clone()
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		}
		post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+containerHost+":"+port+"/path",
			strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		post.Header.Set("X-Purchasely-Timestamp", "17")
		var got []string
		err = exchange(&http.Client{Transport: transport}, post, &got)
		if diff := cmp.Diff([]string{"POST", "/stage/path", "17", "100000"}, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", scheme, err, diff)
		}
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
		"events/users-links.json":                "users-links",
		"events/webhooks/activate.json":          "own events/webhooks/activate.json",
		"events/receiver-activate.want.json":     "own events/receiver-activate.want.json",
		"events/receiver-that-is-not-there.json": "no such file",
	} {
		chosen, err := all.only(file)
		var got []string
		for _, f := range slices.Concat(chosen.webhooks, chosen.users) {
			got = append(got, f.name)
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
