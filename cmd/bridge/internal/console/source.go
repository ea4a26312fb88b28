package console

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	names "github.com/purchasely-clevertap/bridge/shared/settings"
)

// source is where the integration file is kept.
type source interface {
	// Read returns the version that counts. Its ETag is that of what would be overwritten.
	Read(ctx context.Context) (settings.Version, error)
	// Write writes a new version over the one that a page was made from, else it returns [settings.ErrConflict].
	Write(ctx context.Context, text []byte, base settings.Version, message string) error
	// History returns the versions, the newest first.
	History(ctx context.Context) ([]settings.Version, error)
}

// fileSource is a file on this machine. It keeps the versions of its own life.
type fileSource struct {
	path string

	mu       sync.Mutex
	versions []settings.Version
}

func newFileConsole(path string) *console {
	return newConsole(&fileSource{path: path}, shown{
		name: path, check: "bridge lint " + path, save: "bridge lint --strict " + path,
		history: "git log --patch " + path, explain: "bridge explain --file " + path, writable: true,
	})
}

func (f *fileSource) Read(context.Context) (settings.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read()
}

func (f *fileSource) read() (settings.Version, error) {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return settings.Version{}, cli.Findingf("put it back, and reload this page", "integration file: %w", err)
	}
	v := settings.Version{Text: text, ID: hash(text), ETag: hash(text), Name: names.Name(text)}
	if info, err := os.Stat(f.path); err == nil {
		v.Time = info.ModTime().UTC()
	}
	v.File, v.Problems = integration.Load(f.path, text)
	f.remember(v)
	return v, nil
}

// maxRemembered is how many versions of a file are kept to go back to.
const maxRemembered = 50

// remember keeps a version that is not the newest one known.
func (f *fileSource) remember(v settings.Version) {
	if n := len(f.versions); n > 0 && f.versions[n-1].ETag == v.ETag {
		return
	}
	f.versions = append(f.versions, v)
	f.versions = f.versions[max(0, len(f.versions)-maxRemembered):]
}

func hash(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

func (f *fileSource) Write(_ context.Context, text []byte, base settings.Version, message string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := f.read()
	if err != nil {
		return err
	}
	if now.ETag != base.ETag {
		return settings.ErrConflict
	}
	if err := replaceFile(f.path, text); err != nil {
		return cli.Findingf("is there space, and may you write there?", "integration file: %w", err)
	}
	if _, err := f.read(); err != nil {
		return err
	}
	f.versions[len(f.versions)-1].Message = message
	return nil
}

var errProtected = errors.New("the file is write-protected")

// replaceFile replaces a file at once, so that nobody reads half of it. A link keeps leading to it.
func replaceFile(path string, text []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o200 == 0 { // a rename would not care
		return &os.PathError{Op: "write", Path: path, Err: errProtected}
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".integrations-*.yaml")
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Chmod(info.Mode()), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

func (f *fileSource) History(context.Context) ([]settings.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.read(); err != nil {
		return nil, err
	}
	list := slices.Clone(f.versions)
	slices.Reverse(list)
	return list, nil
}

// bases are the versions that pages were made from, so that a change can be taken over to a newer one.
type bases struct {
	mu  sync.Mutex
	all []settings.Version
}

// maxBases is how many versions are kept: more than somebody has pages open.
const maxBases = 32

func (b *bases) add(v settings.Version) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.index(v.ETag) < 0 {
		b.all = append(b.all, v)
		b.all = b.all[max(0, len(b.all)-maxBases):]
	}
}

func (b *bases) index(etag string) int {
	return slices.IndexFunc(b.all, func(v settings.Version) bool { return v.ETag == etag })
}

// noETag is the tag of settings that nobody has written yet.
const noETag = "none"

// find finds a version by the tag in a page's form.
func (b *bases) find(tag string) (settings.Version, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := b.index(strings.TrimSuffix(tag, noETag)); i >= 0 {
		return b.all[i], nil
	}
	return settings.Version{}, fmt.Errorf("the page is of an earlier console: %w", settings.ErrConflict)
}

// ago is how long ago something was, for people.
func ago(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	if age := cli.Ago(time.Since(t)); age != "now" {
		return age + " ago"
	}
	return "just now"
}
