package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// endpointVariable directs what would go to CleverTap's hosts elsewhere, as it does for the forwarder.
const endpointVariable = "CLEVERTAP_ENDPOINT"

// regions are those that CleverTap names (developer.clevertap.com/docs/authentication, November 2026).
var regions = []string{"eu1", "in1", "us1", "sg1", "aps3", "mec1", "sk1"}

// region is the code of a host's region.
func region(host string) string {
	if code, _, _ := strings.Cut(host, "."); code != "api" {
		return code
	}
	return regions[0] // Europe's host has no code in its name.
}

// doorman knocks at CleverTap's doors with a dry run, which stores nothing.
type doorman struct{ uploader *clevertap.Uploader }

func newDoorman() (*doorman, error) {
	endpoint := os.Getenv(endpointVariable)
	if endpoint != "" {
		u, err := url.Parse(strings.ReplaceAll(endpoint, "{host}", "host"))
		if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) || u.Host == "" {
			return nil, usagef("credentials go there: it must be https, or http to this machine", "%s is no usable URL", endpointVariable)
		}
	}
	return &doorman{clevertap.NewUploader(clevertap.Options{Endpoint: endpoint, Timeout: patience})}, nil
}

// knock asks whether an account's region takes its credentials. An error means that there was no answer to that.
func (d *doorman) knock(ctx context.Context, a clevertap.Account) (takes bool, err error) {
	record := fmt.Appendf(nil, `{"type":"event","identity":"bridge-app-check","ts":%d,"evtName":"Bridge Check","evtData":{}}`, time.Now().Unix())
	f := fault.Of(d.uploader.DryRun(ctx, a, []clevertap.Record{{JSON: record}}))
	switch {
	case ctx.Err() != nil:
		return false, errInterrupted
	case f == nil, f.Kind == fault.Reject && !strings.HasPrefix(string(f.Reason), "clevertap_http_"):
		return true, nil // A record is judged only behind the door.
	case f.Reason == fault.Credentials:
		return false, nil
	default:
		return false, f
	}
}

// home is where credentials belong.
type home struct {
	region string           // that takes them; "": none
	silent map[string]error // regions that gave no answer
}

// find asks the region that the account names, if it names one, and all others if that refuses.
func (d *doorman) find(ctx context.Context, a clevertap.Account, named bool) (home, error) {
	says := region(a.Host)
	if named {
		h, err := d.ask(ctx, a, []string{says})
		if err != nil || h.region != "" || len(h.silent) > 0 {
			return h, err
		}
	}
	return d.ask(ctx, a, slices.DeleteFunc(slices.Clone(regions), func(code string) bool { return named && code == says }))
}

// ask asks several regions at once. Of several that take the credentials, which CleverTap does not have, the first counts.
func (d *doorman) ask(ctx context.Context, a clevertap.Account, codes []string) (home, error) {
	takes, errs := make([]bool, len(codes)), make([]error, len(codes))
	var asked sync.WaitGroup
	for i, code := range codes {
		asked.Go(func() {
			there := a
			if code != region(a.Host) {
				there.Host, _ = clevertap.Host(code) // All of the list are codes.
			}
			takes[i], errs[i] = d.knock(ctx, there)
		})
	}
	asked.Wait()
	h := home{silent: make(map[string]error)}
	for i, code := range codes {
		switch {
		case ctx.Err() != nil:
			return h, errInterrupted
		case errs[i] != nil:
			h.silent[code] = errs[i]
		case takes[i] && h.region == "":
			h.region = code
		}
	}
	return h, nil
}
