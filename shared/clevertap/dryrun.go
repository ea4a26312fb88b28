package clevertap

import (
	"context"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// DryRun has CleverTap check records without storing them, once, and gives the verdict: nil if it would take all of them, else
// what [Tracker.Close] would be told of the first one that it would not. [fault.Operator] with the reason [fault.Credentials]
// means that the credentials are not those of this account in this region.
func (u *Uploader) DryRun(ctx context.Context, a Account, records []Record) error {
	items := make([]*item, len(records))
	for i, r := range records {
		items[i] = &item{Record: r}
	}
	r := u.try(ctx, a, items, u.timeout, true)
	if r.verdict != read {
		return r.fault
	}
	for _, result := range r.results {
		switch result.class {
		case accepted:
		case uncertain:
			return faultUnmatched
		case permanent:
			return codeFault(result.code, fault.Reject)
		case transient, unlisted:
			return codeFault(result.code, fault.Retry)
		}
	}
	return nil
}
