package replay

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// anotherProgress is what to do about a progress file that is not this replay's.
const anotherProgress = "name another with --checkpoint, or begin anew with --restart"

// readProgress reads what an earlier run has noted, unless it does not count.
func (o *options) readProgress(path string, progress any, of string) (found bool, err error) {
	if o.restart {
		return false, nil
	}
	return cli.ReadCheckpoint(path, progress, of, anotherProgress)
}

// checkpoint says how far a replay of a file has come. It holds no personal data. It stays when all is sent, so that
// the same command does not send everything again.
type checkpoint struct {
	App    string  `json:"app"`
	Stack  string  `json:"stack"`
	Run    string  `json:"run"`    // makes the deduplication ids of this replay differ from those of another
	Offset int64   `json:"offset"` // everything before it is done
	Digest string  `json:"digest"` // SHA-256 of everything before it
	Line   int     `json:"line"`   // where the last webhook before it begins
	Sent   int     `json:"sent"`
	Bad    int     `json:"bad"`            // left out, because they are no webhooks
	Ahead  []int64 `json:"ahead,omitzero"` // ends of webhooks after it that were accepted too

	path string // empty: it is kept nowhere
}

func openCheckpoint(path string, o *options) (*checkpoint, error) {
	before := &checkpoint{path: path}
	found, err := o.readProgress(path, before, "a replay")
	switch {
	case err != nil:
		return nil, err
	case !found:
		return &checkpoint{App: o.app, Stack: o.stack, Run: rand.Text(), path: path}, nil
	case before.App != o.app || before.Stack != o.stack:
		return nil, cli.Findingf(anotherProgress, "%s belongs to a replay for app %q to stack %q",
			path, before.App, before.Stack)
	}
	return before, nil
}

// done reports whether a webhook was sent or left out before.
func (c *checkpoint) done(w stored.Webhook) bool {
	return w.End <= c.Offset || slices.Contains(c.Ahead, w.End)
}

// differs reports whether a webhook, which begins at an offset, is not what it was where it was sent already.
func (c *checkpoint) differs(begin int64, w stored.Webhook) bool {
	return begin < c.Offset && w.End >= c.Offset && (w.End > c.Offset || hex.EncodeToString(w.Digest[:]) != c.Digest)
}

// accept notes that a webhook is on the queue, or that a bad one is left out. inOrder: all before it are, too.
func (c *checkpoint) accept(w stored.Webhook, bad, inOrder bool) {
	if bad {
		c.Bad++
	} else {
		c.Sent++
	}
	if !inOrder {
		c.Ahead = append(c.Ahead, w.End)
		return
	}
	c.Offset, c.Digest, c.Line = w.End, hex.EncodeToString(w.Digest[:]), w.Line
	c.Ahead = slices.DeleteFunc(c.Ahead, func(end int64) bool { return end <= w.End })
}

func (c *checkpoint) save() error {
	if c.path == "" {
		return nil
	}
	return cli.SaveCheckpoint(c.path, c)
}

// journalProgress says how far a replay of the journal has come. It names the last entry by its key, which holds a
// person's pseudonym, and nothing else of people.
type journalProgress struct {
	Stack     string    `json:"stack"`
	Selection string    `json:"selection"` // a fingerprint of the flags
	Begun     time.Time `json:"begun"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Run       string    `json:"run"`  // makes the deduplication ids of this replay differ from those of another
	Subject   string    `json:"last"` // the partition of the last entry that is done
	Item      string    `json:"item"` // its sort key
	Sent      int       `json:"sent"`
	Ahead     []string  `json:"ahead"` // digests of entries behind it that were accepted too

	path string
}

// defaultJournalProgress is where the progress of a replay of the journal is noted.
const defaultJournalProgress = "journal.progress"

func openJournalProgress(o *options, now time.Time) (*journalProgress, error) {
	path := cmp.Or(o.checkpoint, defaultJournalProgress)
	fingerprint := cli.Fingerprint(
		o.From.Text, o.To.Text, o.app, strings.Join(o.events, ","), o.user, o.anonymous)
	before := &journalProgress{path: path}
	found, err := o.readProgress(path, before, "a replay of the journal")
	switch {
	case err != nil:
		return nil, err
	case !found:
		to := o.To.Time
		if to.IsZero() || to.After(now) {
			to = now // so that a replay does not send its own webhooks
		}
		return &journalProgress{
			Stack: o.stack, Selection: fingerprint, Begun: now.UTC(), From: o.From.Time, To: to, Run: rand.Text(), path: path,
		}, nil
	case before.Stack != o.stack || before.Selection != fingerprint:
		return nil, cli.Findingf(anotherProgress, "%s belongs to a replay of other webhooks, begun %s",
			path, before.Begun.Format(time.DateTime))
	}
	return before, nil
}

func digest(key subscriber.Key) string {
	sum := sha256.Sum256([]byte(key.Partition + "\n" + key.Sort))
	return hex.EncodeToString(sum[:16])
}

// done reports whether an entry was sent although it is behind the last one.
func (p *journalProgress) done(key subscriber.Key) bool { return slices.Contains(p.Ahead, digest(key)) }

// accept notes that an entry is on the queue. inOrder: all before it are, too.
func (p *journalProgress) accept(key subscriber.Key, inOrder bool) {
	p.Sent++
	if !inOrder {
		p.Ahead = append(p.Ahead, digest(key))
		return
	}
	p.Subject, p.Item = key.Partition, key.Sort
	p.Ahead = slices.DeleteFunc(p.Ahead, func(d string) bool { return d == digest(key) })
}

func (p *journalProgress) save() error { return cli.SaveCheckpoint(p.path, p) }
