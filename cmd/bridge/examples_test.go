package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering replaces the network by one answer for the length of the test.
func answering(t *testing.T, answer roundTrip) {
	t.Helper()
	before := client.Transport
	client.Transport = answer
	t.Cleanup(func() { client.Transport = before })
}

// said is an answer of a receiver.
func said(status int, body string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

// TestExamplesWorkAsPrinted runs every line of every example from the repository's root, pipes included.
func TestExamplesWorkAsPrinted(t *testing.T) {
	t.Chdir("../..")
	t.Setenv(secretVariable, "demo-secret-not-for-production")
	answering(t, said(http.StatusOK, `{"status":"queued"}`))
	for _, cmd := range newRootCommand().Commands() {
		if !offline[cmd.Name()] {
			continue
		}
		lines := 0
		for line := range strings.Lines(cmd.Example) {
			if strings.Contains(line, "--stack") {
				continue // TestExamplesOnAStackWorkAsPrinted has one.
			}
			lines++
			t.Run(strings.TrimSpace(line), func(t *testing.T) { pipeline(t, line) })
		}
		if lines == 0 {
			t.Errorf("%s has no example", cmd.Name())
		}
	}
}

// offline are the commands whose examples need nothing but this repository and, for send, a receiver's answer.
var offline = map[string]bool{"lint": true, "explain": true, "sample": true, "send": true}

func pipeline(t *testing.T, line string) {
	t.Helper()
	in := ""
	for part := range strings.SplitSeq(line, "|") {
		words := strings.Fields(part)
		if len(words) == 0 || words[0] != "bridge" {
			t.Fatalf("%q does not call bridge", part)
		}
		got := execute(t, in, words[1:]...)
		if got.code != fine || got.out == "" {
			t.Fatalf("%q ended with code %d and printed %q and %q", part, got.code, got.out, got.errs)
		}
		in = got.out
	}
}
