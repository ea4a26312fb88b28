package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
)

// ReadCheckpoint reads what an earlier run has noted in a file of its progress. found is false if there is none. A
// file that is something else is left alone; the hint says what to do about it.
func ReadCheckpoint(path string, progress any, of, hint string) (found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, Findingf("name another with --checkpoint", "progress: %w", err)
	}
	if err := json.Unmarshal(text, progress, json.RejectUnknownMembers(true)); err != nil {
		return false, Findingf(hint, "%s is no progress file of %s", path, of)
	}
	return true, nil
}

// SaveCheckpoint writes such a file, whole or not at all.
func SaveCheckpoint(path string, progress any) error {
	const hint = "--checkpoint names a file in another folder"
	text, err := json.Marshal(progress)
	if err != nil {
		return fmt.Errorf("progress: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".progress-*")
	if err != nil {
		return Findingf(hint, "progress: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return Findingf(hint, "progress: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

// Fingerprint tells the flags of one run from those of another.
func Fingerprint(flags ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(flags, "\n")))
	return hex.EncodeToString(sum[:8])
}
