package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/purchasely-clevertap/bridge/"

// plan says which packages of ours each package may import. What is not in it does not exist.
var plan = map[string][]string{
	"functions/receiver": {
		"shared/config", "shared/env", "shared/fault", "shared/integration", "shared/message", "shared/metric", "shared/receive",
		"shared/secret", "shared/webhook", "shared/aws",
	},
	"functions/forwarder": {
		"shared/clevertap", "shared/config", "shared/env", "shared/fault", "shared/forward", "shared/subscriber", "shared/integration",
		"shared/mapping", "shared/message", "shared/secret", "shared/aws", "shared/aws/dynamo",
	},
	"functions/internal/lambdatest":   {},
	"shared/aws":                      {"shared/fault", "shared/forward", "shared/message"},
	"shared/aws/dynamo":               {"shared/aws", "shared/fault", "shared/forward", "shared/subscriber"},
	"shared/aws/awstest":              {},
	"functions/internal/templatetest": {},
	"functions/soak":                  {}, // tests only
	"cmd/bridge": {
		"cmd/bridge/internal/app", "cmd/bridge/internal/cli", "cmd/bridge/internal/explain", "cmd/bridge/internal/queue",
		"cmd/bridge/internal/replay", "cmd/bridge/internal/try", "cmd/bridge/internal/user",
	},
	"cmd/bridge/internal/app": {
		"cmd/bridge/internal/cli", "cmd/bridge/internal/stack", "shared/aws", "shared/clevertap", "shared/fault",
		"shared/webhook",
	},
	"cmd/bridge/internal/cli":     {"cmd/bridge/internal/stored", "shared/config", "shared/integration"},
	"cmd/bridge/internal/clitest": {"cmd/bridge/internal/cli", "shared/aws/awstest", "shared/clevertap/clevertaptest"},
	"cmd/bridge/internal/explain": {
		"cmd/bridge/internal/cli", "cmd/bridge/internal/stored", "shared/clevertap", "shared/fault", "shared/forward",
		"shared/integration", "shared/mapping", "shared/message", "shared/subscriber", "shared/webhook",
	},
	"cmd/bridge/internal/queue": {
		"cmd/bridge/internal/cli", "cmd/bridge/internal/sender", "cmd/bridge/internal/stack", "shared/message",
		"shared/webhook",
	},
	"cmd/bridge/internal/replay": {
		"cmd/bridge/internal/cli", "cmd/bridge/internal/sender", "cmd/bridge/internal/stack", "cmd/bridge/internal/stored",
		"shared/fault", "shared/message", "shared/webhook",
	},
	"cmd/bridge/internal/sender": {"cmd/bridge/internal/cli", "cmd/bridge/internal/stack"},
	"cmd/bridge/internal/stack":  {"cmd/bridge/internal/cli", "shared/aws", "shared/fault", "shared/message", "shared/secret"},
	"cmd/bridge/internal/stored": {"shared/message"},
	"cmd/bridge/internal/try": {
		"cmd/bridge/internal/cli", "cmd/bridge/internal/stack", "cmd/bridge/internal/stored",
		"shared/clevertap/clevertaptest", "shared/integration", "shared/secret", "shared/webhook", "shared/webhook/sample",
	},
	"cmd/bridge/internal/user": {
		"cmd/bridge/internal/cli", "cmd/bridge/internal/stack", "shared/aws/dynamo", "shared/forward", "shared/message",
		"shared/subscriber", "shared/webhook",
	},
	"cmd/bench":                      {},
	"cmd/local":                      {},
	"cmd/scale":                      {"shared/clevertap", "shared/template"},
	"shared":                         {},
	"shared/receive":                 {"shared/webhook", "shared/message", "shared/fault", "shared/metric"},
	"shared/forward":                 {"shared/message", "shared/webhook", "shared/integration", "shared/subscriber", "shared/mapping", "shared/clevertap", "shared/fault", "shared/metric"},
	"shared/subscriber":              {"shared/webhook"},
	"shared/mapping":                 {"shared/webhook", "shared/integration", "shared/subscriber", "shared/clevertap", "shared/fault"},
	"shared/integration":             {"shared/config", "shared/webhook", "shared/clevertap"},
	"shared/webhook":                 {"shared/fault", "shared/secret"},
	"shared/webhook/sample":          {"shared/webhook"},
	"shared/clevertap":               {"shared/fault", "shared/secret"},
	"shared/clevertap/clevertaptest": {"shared/clevertap"},
	"shared/message":                 {"shared/fault"},
	"shared/benchtest":               {},
	"shared/config":                  {},
	"shared/env":                     {},
	"shared/fault":                   {},
	"shared/metric":                  {},
	"shared/secret":                  {},
	"shared/template":                {},
	"events":                         {},
}

// harness packages serve tests only and stand outside the rooms.
var harness = []string{
	"functions/internal/lambdatest", "shared/aws/awstest", "functions/internal/templatetest", "shared/benchtest",
	"cmd/bridge/internal/clitest",
}

// bans forbid what others have written. An import is banned in every folder that the pattern covers, but for the exceptions.
var bans = []struct {
	in, pkg, why string
	but          []string
}{
	{"shared/", "github.com/aws/aws-sdk-go-v2", "shared/aws has the adapters: the rest of shared/ is tested without AWS",
		[]string{"shared/aws", "shared/aws/dynamo", "shared/aws/awstest"}},
	{"shared/", "github.com/aws/smithy-go", "shared/aws returns errors without AWS's words", []string{"shared/aws", "shared/aws/awstest"}},
	{"shared/", "github.com/aws/aws-lambda-go", "only the doors know Lambda", nil},
	{"shared/", "github.com/goccy/go-yaml", "one room reads YAML", []string{"shared/integration"}},
	{"", "encoding/json", "one JSON library, strict and exact: github.com/go-json-experiment/json", nil},
	{"shared/", "os", "rooms are given what they need", []string{"shared/env", "shared/clevertap/clevertaptest"}},
	{"shared/webhook", "net/http", "this room is pure", nil},
	{"shared/mapping", "net/http", "this room is pure", nil},
	{"shared/subscriber", "net/http", "this room is pure", nil},
	{"shared/integration", "net/http", "this room is pure", nil},
	{"", "log", "slog is the logger", nil},
	{"", "unsafe", "the code stays plain", nil},
	{"", "math/rand", "math/rand/v2 is the source of chance", nil},
}

// source is one file of the repository.
type source struct {
	dir, file string
	tree      *ast.File
}

func (s source) test() bool { return strings.HasSuffix(s.file, "_test.go") }

// sources parses every Go file: in this process, since the test cache sees only the files that the test itself opens.
func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var all []source
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && name != root
		if d.IsDir() && (hidden || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(name))
		all = append(all, source{filepath.ToSlash(dir), filepath.Base(name), tree})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func imports(s source) []string {
	var list []string
	for _, i := range s.tree.Imports {
		list = append(list, strings.Trim(i.Path.Value, `"`))
	}
	return list
}

func TestEveryPackageImportsOnlyWhatThePlanAllows(t *testing.T) {
	for _, s := range sources(t) {
		allowed, planned := plan[s.dir]
		if !planned {
			t.Errorf("%s/%s: this package is not in the plan: add it there, with what it may import, or move the file", s.dir, s.file)
		}
		for _, i := range imports(s) {
			ours, is := strings.CutPrefix(i, module)
			if is && !s.test() && !slices.Contains(allowed, ours) {
				t.Errorf("%s/%s imports %s: the plan has no such arrow", s.dir, s.file, ours)
			}
		}
	}
}

func TestNoPackageImportsWhatIsBannedForIt(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range imports(s) {
			for _, b := range bans {
				covered := i == b.pkg || strings.Contains(b.pkg, ".") && strings.HasPrefix(i, b.pkg+"/")
				sdk := b.pkg == "github.com/aws/aws-sdk-go-v2"
				if covered && strings.HasPrefix(s.dir+"/", b.in) && !slices.Contains(b.but, s.dir) && (!s.test() || sdk) {
					t.Errorf("%s/%s imports %s: %s", s.dir, s.file, i, b.why)
				}
			}
		}
	}
}

func TestEveryPlannedPackageExistsAndHasOnePackageComment(t *testing.T) {
	comments := make(map[string]int)
	found := make(map[string]bool)
	for _, s := range sources(t) {
		found[s.dir] = true
		if !s.test() && s.tree.Doc != nil {
			comments[s.dir]++
		}
	}
	for dir := range plan {
		onlyTests := dir == "events" || dir == "functions/soak"
		if !found[dir] {
			t.Errorf("%s is in the plan, but there is no such package", dir)
		} else if comments[dir] != 1 && !onlyTests {
			t.Errorf("%s has %d package comments, want one", dir, comments[dir])
		}
	}
}

func TestSecretsAreRevealedInTwoPlacesOnly(t *testing.T) {
	var places []string
	for _, s := range sources(t) {
		if s.test() || s.dir == "shared/secret" || slices.Contains(harness, s.dir) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Reveal" {
				places = append(places, path.Join(s.dir, s.file))
			}
			return true
		})
	}
	slices.Sort(places)
	want := []string{"shared/clevertap/client.go", "shared/webhook/verify.go"}
	if !slices.Equal(places, want) {
		t.Errorf("Reveal is called in %v, want %v: the MAC and the request's header", places, want)
	}
}

func TestHarnessPackagesServeTestsOnly(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range imports(s) {
			ours := strings.TrimPrefix(i, module)
			if slices.Contains(harness, ours) && !s.test() && !slices.Contains(harness, s.dir) {
				t.Errorf("%s/%s imports %s outside a test", s.dir, s.file, ours)
			}
		}
	}
}

func TestTheTopLevelHoldsOnlyWhatItShould(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{
		"Makefile", "README.md", "SECURITY.md", "LICENSE", "cmd", "docs", "events", "functions", "go.mod", "go.sum", "samconfig.toml", "shared", "template.yaml",
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s lies at the top level: add files inside the layout, not beside it", e.Name())
		}
	}
}
