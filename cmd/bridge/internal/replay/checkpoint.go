package replay

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
)

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

func openCheckpoint(path, stack, app string, restart bool) (*checkpoint, error) {
	c := &checkpoint{App: app, Stack: stack, Run: rand.Text(), path: path}
	if path == "" {
		return c, nil
	}
	text, err := os.ReadFile(path)
	if restart || errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, cli.Findingf("name another with --checkpoint", "progress: %w", err)
	}
	const hint = "name another with --checkpoint, or begin anew with --restart"
	before := checkpoint{path: path}
	if err := json.Unmarshal(text, &before, json.RejectUnknownMembers(true)); err != nil {
		return nil, cli.Findingf(hint, "%s is no progress file of a replay", path)
	}
	if before.App != app || before.Stack != stack {
		return nil, cli.Findingf(hint, "%s belongs to a replay for app %q to stack %q", path, before.App, before.Stack)
	}
	return &before, nil
}

// done reports whether a webhook was sent or left out before.
func (c *checkpoint) done(w stored.Webhook) bool {
	return w.End <= c.Offset || slices.Contains(c.Ahead, w.End)
}

// differs reports whether a webhook, which begins at an offset, is not what it was where it was sent already.
func (c *checkpoint) differs(begin int64, w stored.Webhook) bool {
	return begin < c.Offset && w.End >= c.Offset && (w.End > c.Offset || hex.EncodeToString(w.Digest[:]) != c.Digest)
}

// moveBehind moves the checkpoint to the end of a webhook.
func (c *checkpoint) moveBehind(w stored.Webhook) {
	c.Offset, c.Digest, c.Line = w.End, hex.EncodeToString(w.Digest[:]), w.Line
	c.Ahead = slices.DeleteFunc(c.Ahead, func(end int64) bool { return end <= w.End })
}

// save writes the checkpoint.
func (c *checkpoint) save() error {
	if c.path == "" {
		return nil
	}
	return saveProgress(c.path, c)
}

// saveProgress writes a progress file, whole or not at all.
func saveProgress(path string, progress any) error {
	const hint = "--checkpoint names a file in another folder"
	text, err := json.Marshal(progress)
	if err != nil {
		return fmt.Errorf("progress: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".progress-*")
	if err != nil {
		return cli.Findingf(hint, "progress: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return cli.Findingf(hint, "progress: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
