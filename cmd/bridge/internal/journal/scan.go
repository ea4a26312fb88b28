package journal

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Selection says which entries of the journal are meant. Zero fields mean all.
type Selection struct {
	From, To   time.Time // of the arrival; the end is not included
	App        string
	Events     []string // Purchasely's names
	Outcome    string   // delivered, skipped, rejected or retry
	Reason     string
	Partitions []string // of people
}

// Has reports whether an entry is meant, whosoever it is of.
func (s Selection) Has(e Entry) bool {
	return !e.Received.Before(s.From) && (s.To.IsZero() || e.Received.Before(s.To)) &&
		(s.App == "" || e.App == s.App) && (len(s.Events) == 0 || slices.Contains(s.Events, e.Event.Event)) &&
		(s.Outcome == "" || e.Outcome == s.Outcome) && (s.Reason == "" || e.Reason == s.Reason)
}

// Scan reads the entries of a selection, behind a key unless that is zero. A person's entries of an app come together
// and in the order in which they arrived; else the order is not that of time. Unless people are named, the whole
// table is read.
func Scan(
	ctx context.Context, table *dynamo.Table, s Selection, after subscriber.Key, now time.Time,
) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range s.items(ctx, table, after) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if entry := ReadEntry(e); !e.Item.Expired(now) && s.Has(entry) && !yield(entry, nil) {
				return
			}
		}
	}
}

// items reads the items among which the entries are.
func (s Selection) items(
	ctx context.Context, table *dynamo.Table, after subscriber.Key,
) iter.Seq2[dynamo.Entry, error] {
	if len(s.Partitions) == 0 {
		among := dynamo.Range{Attribute: "received", From: math.MinInt64, To: math.MaxInt64}
		if !s.From.IsZero() {
			among.From = s.From.UnixMilli()
		}
		if !s.To.IsZero() {
			among.To = s.To.UnixMilli()
		}
		return table.Scan(ctx, subscriber.EventPrefix, among, after)
	}
	return func(yield func(dynamo.Entry, error) bool) {
		for _, partition := range slices.Sorted(slices.Values(s.Partitions)) {
			for e, err := range table.Partition(ctx, partition, subscriber.EventPrefix) {
				behind := cmp.Or(cmp.Compare(partition, after.Partition), cmp.Compare(e.Key.Sort, after.Sort)) > 0
				if (err != nil || behind) && !yield(e, err) {
					return
				}
			}
		}
	}
}

// MaxPage is how many entries may be wanted at once.
const MaxPage = 1000

// Page is some of the entries of a selection.
type Page struct {
	Entries  []Entry // the newest first
	Looked   int     // at so many entries of the time and the people, whatever else is selected
	Older    bool    // there are more: with To set to when the last of these arrived, the selection has those
	Complete bool    // the whole journal was looked at; else there may be newer ones than these
}

// Latest returns the newest entries of a selection, as many as are wanted and those that arrived in the same
// millisecond as the last of them. Unless people are named it reads the whole table, for it knows no order of time;
// when ctx's deadline passes, it returns what it has found by then. wanted is 1 to [MaxPage].
func Latest(ctx context.Context, table *dynamo.Table, s Selection, wanted int, now time.Time) (Page, error) {
	p := Page{Complete: true}
	all := Selection{From: s.From, To: s.To, Partitions: s.Partitions}
	for e, err := range Scan(ctx, table, all, subscriber.Key{}, now) {
		if err != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return Page{}, err
		}
		if err != nil {
			p.Complete = false
			break
		}
		p.Looked++
		if !s.Has(e) {
			continue
		}
		if p.Entries = append(p.Entries, e); len(p.Entries) >= 2*MaxPage {
			p.cut(wanted)
		}
	}
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
