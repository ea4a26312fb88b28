package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// TestCorpus compares every problem of every file in testdata with the file beside it. UPDATE_GOLDEN=1 rewrites them.
func TestCorpus(t *testing.T) {
	for _, verdict := range []string{"valid", "invalid"} {
		for _, path := range corpus(t, verdict) {
			t.Run(verdict+"/"+filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				file, problems := integration.Load(filepath.Base(path), read(t, path))
				if got := file != nil; got != (verdict == "valid") {
					t.Errorf("a File: %v", got)
				}
				if problems.Failed() != (file == nil) {
					t.Errorf("Failed is %v beside File %v", problems.Failed(), file)
				}
				golden(t, strings.TrimSuffix(path, ".yaml")+".want", list(problems))
			})
		}
	}
}

// list has one line for each problem.
func list(problems integration.Problems) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Severity.String() + " " + p.String() + "\n")
	}
	return b.String()
}

func corpus(t testing.TB, verdict string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", verdict, "*.yaml"))
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	return paths
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(read(t, path)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
