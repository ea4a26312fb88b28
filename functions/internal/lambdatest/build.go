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

	"github.com/go-json-experiment/json"
)

// module is the path before every package of ours.
const module = "github.com/purchasely-clevertap/bridge/"

// binaries are what this test process has built, by folder.
var (
	buildMu  sync.Mutex
	binaries = map[string]string{}
)

// Build builds a package, named by its folder in the module, with the flags of a deployment, once per test
// process. The integration file of the fixtures is built in, whatever somebody has made of the real one.
func Build(t testing.TB, folder string) string {
	t.Helper()
	buildMu.Lock()
	defer buildMu.Unlock()
	if binary := binaries[folder]; binary != "" {
		return binary
	}
	binary, err := build(t.Context(), module+folder)
	if err != nil {
		t.Fatalf("build of %s: %v", folder, err)
	}
	binaries[folder] = binary
	return binary
}

// build gives the binary a name that is the same in every run, so that nothing piles up, and different in every
// checkout. Test processes that build at the same time replace one another's, which does not disturb a running
// binary.
func build(ctx context.Context, path string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	if err := openSources(ctx, path); err != nil {
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
	overlay := filepath.Join(private, "overlay.json")
	if err := os.WriteFile(overlay, fixtureFile(string(root)), 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(private, "bootstrap")
	flags := []string{"build", "-overlay=" + overlay, "-trimpath", "-tags=lambda.norpc", "-ldflags=-s", "-buildvcs=false",
		"-o", binary, path}
	cmd := exec.CommandContext(ctx, "go", flags...) //nolint:gosec // Paths are our own.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	named := filepath.Join(folder, strings.ReplaceAll(strings.TrimPrefix(path, module), "/", "-"))
	return named, os.Rename(binary, named)
}

// openSources opens the folders of all that is built. The test cache sees only what the test itself opens, and would
// pass over a change of the function otherwise.
func openSources(ctx context.Context, path string) error {
	const ours = "{{if .Module}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}}"
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-f", ours, path) //nolint:gosec // The path is our own.
	folders, err := list.Output()
	if err != nil {
		return err
	}
	for folder := range strings.Lines(string(folders)) {
		if _, err := os.ReadDir(strings.TrimSpace(folder)); err != nil {
			return err
		}
	}
	return nil
}

// fixtureFile is an overlay for go build that puts the integration file of the fixtures in place of the real one.
func fixtureFile(gomod string) []byte {
	file := func(name string) string { return filepath.Join(filepath.Dir(gomod), name) }
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {file("shared/config/integrations.yaml"): file("events/integrations.yaml")},
	})
	if err != nil {
		panic(err) // paths are text
	}
	return overlay
}
