package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// known are the names of all tests and fuzz targets of the project, and the targets of the Makefile as `make name`.
func known(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	note := func(path string, pattern *regexp.Regexp, prefix string) {
		text, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range pattern.FindAllStringSubmatch(string(text), -1) {
			names[prefix+match[1]] = true
		}
	}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, folder := range []string{"cmd", "events", "functions", "shared"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, "_test.go") {
				note(path, function, "")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	note(filepath.Join(root, "Makefile"), regexp.MustCompile(`(?m)^([a-z]+):`), "make ")
	return names
}

func TestEveryClaimOfTheThreatModelNamesATestThatExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/guide/security.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := known(t)
	proof := regexp.MustCompile("`((?:Test|Fuzz)\\w+|make [a-z]+)`")
	for _, match := range proof.FindAllStringSubmatch(string(text), -1) {
		if !names[match[1]] {
			t.Errorf("docs/guide/security.md names %s, which does not exist", match[1])
		}
	}
	claims, proofs := 0, false
	for line := range strings.Lines(string(text)) {
		switch {
		case !strings.HasPrefix(line, "|"):
			proofs = false
		case strings.Contains(line, "| proved by |"):
			proofs = true
		case proofs && !strings.HasPrefix(line, "|---"):
			claims++
			cells := strings.Split(strings.Trim(line, "|\n "), " | ")
			if !proof.MatchString(cells[len(cells)-1]) {
				t.Errorf("docs/guide/security.md proves nothing of this: %s", line)
			}
		}
	}
	if claims < 20 {
		t.Errorf("%d claims were found", claims)
	}
}

func TestTheWorkflowIsPinnedAndMayOnlyRead(t *testing.T) {
	workflows, err := filepath.Glob(filepath.Join(root, ".github/workflows/*"))
	if err != nil || len(workflows) == 0 {
		t.Fatalf("%d workflows, %v", len(workflows), err)
	}
	action := regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*(.*)$`)
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$`)
	for _, path := range workflows {
		text, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range action.FindAllStringSubmatch(string(text), -1) {
			if !pinned.MatchString(match[1]) {
				t.Errorf("%s: %s is not pinned by a commit, with its version behind it", path, match[1])
			}
		}
		for _, wanted := range []string{"\npermissions:\n  contents: read\n", "persist-credentials: false", "go-version-file: go.mod"} {
			if !strings.Contains(string(text), wanted) {
				t.Errorf("%s: no %q", path, wanted)
			}
		}
		for _, unwanted := range []string{"secrets.", ": write", "pull_request_target", "id-token"} {
			if strings.Contains(string(text), unwanted) {
				t.Errorf("%s: has %q in it", path, unwanted)
			}
		}
	}
}
