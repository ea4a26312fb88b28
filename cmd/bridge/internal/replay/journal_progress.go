package replay

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// defaultJournalProgress is where the progress of a replay of the journal is noted.
const defaultJournalProgress = "journal.progress"

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

func openJournalProgress(o *options, now time.Time) (*journalProgress, error) {
	path := o.checkpoint
	if path == "" {
		path = defaultJournalProgress
	}
	selection := o.selection(o.app, now)
	p := &journalProgress{
		Stack: o.stack, Selection: o.fingerprint(o.app), Begun: now.UTC(),
		From: selection.From, To: selection.To, Run: rand.Text(),
		path: path,
	}
	text, err := os.ReadFile(path)
	if o.restart || errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, cli.Findingf("name another with --checkpoint", "progress: %w", err)
	}
	const hint = "name another with --checkpoint, or begin anew with --restart"
	before := journalProgress{path: path}
	if err := json.Unmarshal(text, &before, json.RejectUnknownMembers(true)); err != nil {
		return nil, cli.Findingf(hint, "%s is no progress file of a replay of the journal", path)
	}
	if before.Stack != p.Stack || before.Selection != p.Selection {
		return nil, cli.Findingf(hint, "%s belongs to a replay of other webhooks, begun %s",
			path, before.Begun.Format(time.DateTime))
	}
	return &before, nil
}

// after is the key behind which the replay goes on.
func (p *journalProgress) after() subscriber.Key {
	return subscriber.Key{Partition: p.Subject, Sort: p.Item}
}

func digest(key subscriber.Key) string {
	sum := sha256.Sum256([]byte(key.Partition + "\n" + key.Sort))
	return hex.EncodeToString(sum[:16])
}

// done reports whether an entry was sent although it is behind the last one.
func (p *journalProgress) done(key subscriber.Key) bool { return slices.Contains(p.Ahead, digest(key)) }

// accepted notes that an entry is on the queue. inOrder: all before it are, too.
func (p *journalProgress) accepted(key subscriber.Key, inOrder bool) {
	p.Sent++
	if !inOrder {
		p.Ahead = append(p.Ahead, digest(key))
		return
	}
	p.Subject, p.Item = key.Partition, key.Sort
	p.Ahead = slices.DeleteFunc(p.Ahead, func(d string) bool { return d == digest(key) })
}

func (p *journalProgress) save() error { return saveProgress(p.path, p) }
