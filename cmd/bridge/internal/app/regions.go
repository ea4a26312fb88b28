package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// regions are those that CleverTap names (developer.clevertap.com/docs/authentication, November 2026).
var regions = []string{"eu1", "in1", "us1", "sg1", "aps3", "mec1", "sk1"}

// regionOf is the code of a host's region. Europe's host has none in its name.
func regionOf(host string) string {
	if code, _, _ := strings.Cut(host, "."); code != "api" {
		return code
	}
	return regions[0]
}

// credentialChecker tries credentials at CleverTap with a dry run, which stores nothing.
type credentialChecker struct{ uploader *clevertap.Uploader }

func newCredentialChecker(network http.RoundTripper) (*credentialChecker, error) {
	uploader, err := stack.CleverTap(network)
	return &credentialChecker{uploader}, err
}

// check reports whether an account's region accepts its credentials. An error means that there was no answer to that.
func (c *credentialChecker) check(ctx context.Context, a clevertap.Account) (accepts bool, err error) {
	const format = `{"type":"event","identity":"bridge-app-check","ts":%d,"evtName":"Bridge Check","evtData":{}}`
	record := fmt.Appendf(nil, format, time.Now().Unix())
	f := fault.Of(c.uploader.DryRun(ctx, a, []clevertap.Record{{JSON: record}}))
	switch {
	case ctx.Err() != nil:
		return false, cli.ErrInterrupted
	case f == nil, f.Kind == fault.Reject && !strings.HasPrefix(string(f.Reason), "clevertap_http_"):
		return true, nil // a record is judged only after the credentials
	case f.Reason == fault.Credentials:
		return false, nil
	default:
		return false, f
	}
}

// regionResult is where credentials belong.
type regionResult struct {
	region      string           // that accepts them; empty: none
	unreachable map[string]error // regions that gave no answer
}

// find asks the region that was given, if one was, and all others if that one refuses.
func (c *credentialChecker) find(ctx context.Context, a clevertap.Account, given string) (regionResult, error) {
	if given != "" {
		r, err := c.ask(ctx, a, []string{given})
		if err != nil || r.region != "" || len(r.unreachable) > 0 {
			return r, err
		}
	}
	others := slices.DeleteFunc(slices.Clone(regions), func(code string) bool { return code == given })
	return c.ask(ctx, a, others)
}

// ask asks several regions at once. CleverTap has no credentials that two of them accept; the first would count.
func (c *credentialChecker) ask(ctx context.Context, a clevertap.Account, codes []string) (regionResult, error) {
	accepts, errs := make([]bool, len(codes)), make([]error, len(codes))
	var asked sync.WaitGroup
	for i, code := range codes {
		asked.Go(func() {
			there := a
			if code != regionOf(a.Host) {
				there.Host, _ = clevertap.Host(code) // the list has nothing but codes
			}
			accepts[i], errs[i] = c.check(ctx, there)
		})
	}
	asked.Wait()
	r := regionResult{unreachable: make(map[string]error)}
	for i, code := range codes {
		switch {
		case ctx.Err() != nil:
			return r, cli.ErrInterrupted
		case errs[i] != nil:
			r.unreachable[code] = errs[i]
		case accepts[i] && r.region == "":
			r.region = code
		}
	}
	return r, nil
}

// problem says what is wrong with credentials for the region that was given, and what to do; empty if nothing is.
func (r regionResult) problem(given string) (problem, advice string) {
	unreachable := slices.Sorted(maps.Keys(r.unreachable))
	switch {
	case r.region != "" && (given == "" || given == r.region):
		return "", ""
	case r.region != "":
		return fmt.Sprintf("the credentials belong to %s, the secret says %s: change region", r.region, given),
			"set region to " + r.region
	case len(unreachable) > 0:
		problem = fmt.Sprintf("CleverTap could not be asked in %s: %s", strings.Join(unreachable, ", "),
			r.unreachable[unreachable[0]])
		if given != "" && r.unreachable[given] == nil {
			problem = given + " refuses the credentials, and " + problem
		}
		return problem, "try again; if it lasts, does this network reach CleverTap?"
	default:
		return "no region takes them: the passcode is wrong or expired, or the account id is another project's",
			"Settings → Project in CleverTap shows the project id; make a passcode there that never expires"
	}
}
