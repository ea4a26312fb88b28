package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

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

// accepts reports whether an account's region takes its credentials, by a dry run, which stores nothing. An error
// means that there was no answer to that.
func accepts(ctx context.Context, uploader *clevertap.Uploader, a clevertap.Account) (bool, error) {
	const format = `{"type":"event","identity":"bridge-app-check","ts":%d,"evtName":"Bridge Check","evtData":{}}`
	record := fmt.Appendf(nil, format, time.Now().Unix())
	f := fault.Of(uploader.DryRun(ctx, a, []clevertap.Record{{JSON: record}}))
	switch {
	case f == nil, f.Kind == fault.Reject && !strings.HasPrefix(string(f.Reason), "clevertap_http_"):
		return true, nil // a record is judged only after the credentials
	case f.Reason == fault.Credentials:
		return false, nil
	default:
		return false, f
	}
}

type regionResult struct {
	region      string           // that accepts them; empty: none
	unreachable map[string]error // regions that gave no answer
}

// findRegion asks the region that was given, if one was, and all others if that one refuses.
func findRegion(ctx context.Context, uploader *clevertap.Uploader, a clevertap.Account, given string) regionResult {
	if given != "" {
		if r := askRegions(ctx, uploader, a, given); r.region != "" || len(r.unreachable) > 0 {
			return r
		}
	}
	others := slices.DeleteFunc(slices.Clone(regions), func(code string) bool { return code == given })
	return askRegions(ctx, uploader, a, others...)
}

// askRegions asks several regions at once. CleverTap has no credentials that two of them accept.
func askRegions(
	ctx context.Context, uploader *clevertap.Uploader, a clevertap.Account, codes ...string,
) regionResult {
	r := regionResult{unreachable: make(map[string]error)}
	var mu sync.Mutex
	var asked sync.WaitGroup
	for _, code := range codes {
		asked.Go(func() {
			there := a
			if code != regionOf(a.Host) {
				there.Host, _ = clevertap.Host(code) // the list has nothing but codes
			}
			accepted, err := accepts(ctx, uploader, there)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				r.unreachable[code] = err
			} else if accepted {
				r.region = code
			}
		})
	}
	asked.Wait()
	return r
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
