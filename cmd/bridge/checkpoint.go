package main

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

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
)

// checkpoint says how far a replay of a file has come. It holds no personal data. It stays when all is sent, so that the same command does
// not send everything again.
type checkpoint struct {
	App    string  `json:"app"`
	Stack  string  `json:"stack"`
	Run    string  `json:"run"`    // makes the deduplication ids of this replay differ from those of another
	Offset int64   `json:"offset"` // everything before it is done
	Digest string  `json:"digest"` // SHA-256 of everything before it
	Line   int     `json:"line"`   // where the last webhook before it begins
	Sent   int     `json:"sent"`
	Bad    int     `json:"bad"`            // left out, because they are no webhooks
	Ahead  []int64 `json:"ahead,omitzero"` // ends of webhooks behind it that were accepted too

	path string // empty: it is kept nowhere
}

// openCheckpoint reads a checkpoint, or begins one.
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
		return nil, findingf("name another with --checkpoint", "progress: %w", err)
	}
	var before checkpoint
	if err := json.Unmarshal(text, &before, json.RejectUnknownMembers(true)); err != nil {
		return nil, findingf("name another with --checkpoint, or begin anew with --restart", "%s is no progress file of a replay", path)
	}
	if before.App != app || before.Stack != stack {
		return nil, findingf("name another with --checkpoint, or begin anew with --restart",
			"%s belongs to a replay for app %q to stack %q", path, before.App, before.Stack)
	}
	before.path = path
	return &before, nil
}

// done tells whether a webhook has been dealt with before.
func (c *checkpoint) done(s stored.Webhook) bool {
	return s.End <= c.Offset || slices.Contains(c.Ahead, s.End)
}

// fits tells whether a webhook, read behind what ends at before, is still what it was where it was sent already.
func (c *checkpoint) fits(before int64, s stored.Webhook) bool {
	return before >= c.Offset || s.End < c.Offset || s.End == c.Offset && hex.EncodeToString(s.Digest[:]) == c.Digest
}

// pass moves the checkpoint behind a webhook.
func (c *checkpoint) pass(s stored.Webhook) {
	c.Offset, c.Digest, c.Line = s.End, hex.EncodeToString(s.Digest[:]), s.Line
	c.Ahead = slices.DeleteFunc(c.Ahead, func(end int64) bool { return end <= s.End })
}

// save writes the checkpoint, whole or not at all.
func (c *checkpoint) save() error {
	if c.path == "" {
		return nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("progress: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(c.path), ".progress-*")
	if err != nil {
		return findingf("--checkpoint names a file in another folder", "progress: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), c.path)
	}
	if err != nil {
		return findingf("--checkpoint names a file in another folder", "progress: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}
