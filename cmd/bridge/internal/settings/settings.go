// Package settings holds the commands on a stack's settings: the integration file that counts without a deployment,
// with its history and a way back. Other commands and the console use [Open], [Store], [Diff] and [Compare].
//
// It promises that no faulty file is written, and none over a version that the writer has not seen; and that it takes
// for in force what the functions take for it.
package settings

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// NewCommand returns "settings". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	return cli.Group("settings", "Change a stack's integration file without a deployment, with a history and a way back",
		`Works on a stack's settings: the integration file in its bucket, which counts instead of the
one that the functions were built with as soon as it is there. A change needs no
deployment, every version is kept, and a faulty file never counts.`,
		newShowCommand(network), newDiffCommand(network), newPutCommand(network), newHistoryCommand(network),
		newRollbackCommand(network))
}

// Store is the settings of a stack.
type Store struct {
	// Refresh is how soon a change counts, at most and but for one batch: the stack's parameter SettingsRefresh.
	Refresh string

	stack  *stack.Stack
	bucket *bucket.Bucket
}

// Open returns the settings of a stack, an error for people if the stack keeps none.
func Open(s *stack.Stack) (*Store, error) {
	name := s.Output(stack.SettingsBucket)
	switch {
	case s.Parameter("Settings") == "off":
		return nil, cli.Findingf("deploy it with Settings=on; until then every change is a deployment",
			"stack %q has no settings: its parameter Settings is off", s.Name)
	case name == "":
		return nil, cli.Findingf("deploy the present version of the bridge, or name its stack",
			"stack %q has no output %s", s.Name, stack.SettingsBucket)
	}
	return &Store{s.Parameter("SettingsRefresh"), s, bucket.New(s.Config, name, 0)}, nil
}

// Version is one version of the settings.
type Version struct {
	ID      string    `json:"version"`  // empty for the built-in file
	Name    string    `json:"settings"` // as in logs and the journal
	Time    time.Time `json:"time,omitzero"`
	Author  string    `json:"author,omitzero"`
	Message string    `json:"message,omitzero"`
	Deleted bool      `json:"deleted,omitzero"` // the object was deleted then, so that the built-in file counts

	Text     []byte               `json:"-"`
	ETag     string               `json:"-"`
	File     *integration.File    `json:"-"` // nil if the version is faulty
	Problems integration.Problems `json:"-"`
}

// BuiltIn is the file that counts while there is no good version: that of this program, which is the functions' if they
// were built from the same sources.
func BuiltIn() Version {
	v := Version{Name: settings.BuiltIn, Text: config.Integrations}
	v.File, v.Problems = integration.Load(cli.BuiltIn, v.Text)
	return v
}

// Current is what the bucket has now.
type Current struct {
	Newest  *Version // nil: none, or it was deleted
	InForce Version  // the newest one that is good, else the built-in file
}

// etag is what a writer has to have seen; empty: that there is no object.
func (c Current) etag() string {
	if c.Newest == nil {
		return ""
	}
	return c.Newest.ETag
}

// Current reads what is in force.
func (s *Store) Current(ctx context.Context) (Current, error) {
	c := Current{InForce: BuiltIn()}
	all, err := s.bucket.History(ctx)
	if err != nil {
		return c, stack.Explain(err)
	}
	if len(all) == 0 || all[0].Deleted {
		return c, nil
	}
	for _, listed := range all[:min(len(all), settings.MaxVersions)] {
		v, err := s.read(ctx, listed)
		if err != nil {
			return c, err
		}
		if v.Deleted {
			continue
		}
		if c.Newest == nil {
			c.Newest = v
		}
		if v.File != nil {
			c.InForce = *v
			break
		}
	}
	return c, nil
}

// read reads a version that was listed. One that has expired since is taken for deleted.
func (s *Store) read(ctx context.Context, listed bucket.Version) (*Version, error) {
	v := &Version{ID: listed.ID, Time: listed.Time, Deleted: listed.Deleted}
	if v.Deleted {
		return v, nil
	}
	object, note, err := s.bucket.Read(ctx, v.ID)
	switch {
	case errors.Is(err, settings.ErrNoObject):
		v.Deleted = true
		return v, nil
	case errors.Is(err, settings.ErrTooLarge):
		v.Problems = integration.Problems{{Path: settings.Key, Line: 1, Column: 1, Message: "the file is " + err.Error()}}
	case err != nil:
		return nil, stack.Explain(err)
	default:
		v.Name, v.Text = settings.Name(object.Text), object.Text
		v.File, v.Problems = integration.Load(settings.Key, object.Text)
	}
	v.ETag, v.Author, v.Message = object.ETag, note.Author, note.Message
	return v, nil
}

// listed is a hint.
const listed = "'bridge settings history' lists the versions"

// Version reads one version by its id.
func (s *Store) Version(ctx context.Context, id string) (*Version, error) {
	all, err := s.bucket.History(ctx)
	if err != nil {
		return nil, stack.Explain(err)
	}
	for _, candidate := range all {
		if candidate.ID == id && !candidate.Deleted {
			v, err := s.read(ctx, candidate)
			if err != nil || !v.Deleted {
				return v, err
			}
		}
	}
	return nil, cli.Findingf(listed, "the settings have no version %q", id)
}

// History reads the newest versions, at most so many; more are there if it returns as many.
func (s *Store) History(ctx context.Context, most int) ([]Version, error) {
	all, err := s.bucket.History(ctx)
	if err != nil {
		return nil, stack.Explain(err)
	}
	versions := make([]Version, 0, most)
	for _, listed := range all[:min(len(all), most)] {
		v, err := s.read(ctx, listed)
		if err != nil {
			return nil, err
		}
		versions = append(versions, *v)
	}
	return versions, nil
}

// ErrConflict says that somebody else has written the settings since they were read.
var ErrConflict = bucket.ErrConflict

// Put writes a file as the newest version, with the caller's identity at AWS as its author. It refuses a faulty file
// with [integration.Problems], and writes only over what was seen: else it returns [ErrConflict].
func (s *Store) Put(ctx context.Context, text []byte, seen Current, message string) (Version, error) {
	file, problems := integration.Load(settings.Key, text)
	if file == nil {
		return Version{}, problems
	}
	author, err := s.stack.Caller(ctx)
	if err != nil {
		return Version{}, err
	}
	note := bucket.Note{Author: author, Message: message}
	object, err := s.bucket.Put(ctx, text, seen.etag(), note)
	switch {
	case errors.Is(err, bucket.ErrConflict):
		return Version{}, ErrConflict
	case err != nil:
		return Version{}, stack.Explain(err)
	}
	return Version{
		ID: object.Version, Name: settings.Name(text), Time: time.Now().UTC(), Author: author, Message: message,
		Text: text, ETag: object.ETag, File: file, Problems: problems,
	}, nil
}

// effect says when a version counts.
func (s *Store) effect() string {
	if s.Refresh == "" {
		return "it counts within a minute and one batch"
	}
	return fmt.Sprintf("it counts within %s and one batch", s.Refresh)
}
