package journal

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// MaxPage is how many entries may be wanted at once.
const MaxPage = 1000

// Page is some of the entries of a selection.
type Page struct {
	Entries  []Entry // the newest first
	Older    bool    // there are more: with To set to when the last of these arrived, the selection has those
	Complete bool    // the whole journal was looked at; else there may be newer ones than these
}

// Latest returns the newest entries of a selection, as many as are wanted and those that arrived in the same
// millisecond as the last of them. Unless people are named it reads the whole table, for it knows no order of time;
// when ctx's deadline passes, it returns what it has found by then. wanted is 1 to [MaxPage].
func Latest(ctx context.Context, table *dynamo.Table, s Selection, wanted int, now time.Time) (Page, error) {
	var p Page
	for e, err := range Scan(ctx, table, s, subscriber.Key{}, now) {
		switch {
		case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			p.cut(wanted)
			return p, nil
		case err != nil:
			return Page{}, err
		}
		if p.Entries = append(p.Entries, e); len(p.Entries) >= 2*MaxPage {
			p.cut(wanted)
		}
	}
	p.Complete = true
	p.cut(wanted)
	return p, nil
}

// cut leaves the newest.
func (p *Page) cut(wanted int) {
	slices.SortFunc(p.Entries, func(a, b Entry) int {
		return cmp.Or(b.Received.Compare(a.Received), b.Created.Compare(a.Created),
			cmp.Compare(b.Key.Sort, a.Key.Sort), cmp.Compare(a.Key.Partition, b.Key.Partition))
	})
	for n := wanted; n < len(p.Entries); n++ {
		if p.Entries[n].Received.Before(p.Entries[n-1].Received) {
			p.Entries = slices.Delete(p.Entries, n, len(p.Entries))
			p.Older = true
		}
	}
}
