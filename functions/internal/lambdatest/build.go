package lambdatest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// module is the path before every package of ours.
const module = "github.com/purchasely-clevertap/bridge/"

// builds remembers what this test process has built.
var builds = struct {
	sync.Mutex
	binaries map[string]string
}{binaries: map[string]string{}}

// Build builds a package, named by its folder in the module, with the flags of a deployment, once in a test process.
func Build(t testing.TB, folder string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if binary := builds.binaries[folder]; binary != "" {
		return binary
	}
	binary, err := build(t.Context(), module+folder)
	if err != nil {
		t.Fatalf("build of %s: %v", folder, err)
	}
	builds.binaries[folder] = binary
	return binary
}

// build puts the binary under a name that stays the same from run to run, so that nothing piles up; another checkout has
// another one. Test processes that build side by side rename over one another, which leaves a running binary alone.
func build(ctx context.Context, path string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	checkout := sha256.Sum256(root)
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("bridge-lambdatest-%d-%x", os.Getuid(), checkout[:4]))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	private, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(private) }()
	binary := filepath.Join(private, "bootstrap")
	flags := []string{"build", "-trimpath", "-tags=lambda.norpc", "-ldflags=-s", "-buildvcs=false", "-o", binary, path}
	cmd := exec.CommandContext(ctx, "go", flags...) //nolint:gosec // Paths are our own.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	named := filepath.Join(folder, strings.ReplaceAll(strings.TrimPrefix(path, module), "/", "-"))
	return named, os.Rename(binary, named)
}
