package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// The demo app's shared secret and accounts, which open nothing.
const (
	sharedSecret      = "demo-secret-not-for-production"
	productionAccount = "DEMO-PRODUCTION"
	sandboxAccount    = "DEMO-SANDBOX"
	demoPasscode      = "demo-passcode-not-for-production"
)

// fakeCleverTap is the strict fake in a process of its own.
type fakeCleverTap struct {
	endpoint string
	admin    string // where it shows what it has recorded
}

// startFakeCleverTap starts it with the demo app's two accounts, in two regions, so that a wrong region shows.
func (s *stack) startFakeCleverTap(ctx context.Context) error {
	port := s.options.FakePort
	listen, admin := "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(port+1)
	c := &fakeCleverTap{endpoint: "http://" + listen, admin: "http://" + admin}
	s.clevertap = c
	ready := func(ctx context.Context) bool {
		_, err := c.records(ctx)
		return err == nil
	}
	return s.start(ctx, "clevertap", toolEnvironment(), ready, bridgeTool, "fake", "--listen", listen, "--admin", admin,
		"--account", productionAccount+":"+demoPasscode+":eu1", "--account", sandboxAccount+":"+demoPasscode+":in1")
}

// record is one that the fake has accepted.
type record struct {
	Number  int     `json:"number"`
	Name    string  `json:"name"`
	Account string  `json:"account"`
	ID      string  `json:"id"`
	EventID string  `json:"event_id"`
	Raw     rawJSON `json:"record"`
}

// account is how fixtures call the record's account.
func (r record) account() string { return strings.ToLower(strings.TrimPrefix(r.Account, "DEMO-")) }

// records returns all accepted records in their order.
func (c *fakeCleverTap) records(ctx context.Context) (records []record, err error) {
	err = c.ask(ctx, http.MethodGet, "/records", "", &records)
	return records, err
}

// warning is about something that the fake has accepted and CleverTap would presumably change without a word.
type warning struct {
	Rule string `json:"rule"`
	Key  string `json:"key"`
}

func (c *fakeCleverTap) warnings(ctx context.Context) (warnings []warning, err error) {
	err = c.ask(ctx, http.MethodGet, "/warnings", "", &warnings)
	return warnings, err
}

// ask calls the admin API. The answer is read into a value unless that is nil.
func (c *fakeCleverTap) ask(ctx context.Context, method, path, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.admin+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	return exchange(http.DefaultClient, r, into)
}
