package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is one Go file of the repository.
type source struct {
	folder, name string
	tree         *ast.File
}

func (s source) test() bool { return strings.HasSuffix(s.name, "_test.go") }

// sources parses every Go file: in this process, since the test cache sees only the files that the test itself opens.
func sources(t *testing.T) (all []source) {
	t.Helper()
	for _, file := range files(t, ".go") {
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{path.Dir(file), path.Base(file), tree})
	}
	return all
}

// files lists those of the repository with one of these endings, without hidden folders, testdata, and the integration
// file, whose words are its owner's.
func files(t *testing.T, endings ...string) (found []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != ".." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.Name() == "integrations.yaml" {
			return err
		}
		if !d.IsDir() && slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) }) {
			found = append(found, filepath.ToSlash(strings.TrimPrefix(name, "../")))
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return found
}

func TestEveryPackageHasOnePackageComment(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.test() && s.tree.Name.Name != path.Base(s.folder) {
			continue
		}
		if s.tree.Doc != nil {
			comments[s.folder]++
		} else if _, ok := comments[s.folder]; !ok {
			comments[s.folder] = 0
		}
	}
	for folder, count := range comments {
		if count != 1 {
			t.Errorf("%s has %d package comments, want one", folder, count)
		}
	}
}

func TestSecretsAreRevealedInFewPlaces(t *testing.T) {
	var places []string
	for _, s := range sources(t) {
		if s.test() || s.folder == "shared/secret" || strings.HasSuffix(s.folder, "test") {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == "Reveal" {
				places = append(places, path.Join(s.folder, s.name))
			}
			return true
		})
	}
	slices.Sort(places)
	want := []string{
		"shared/clevertap/client.go",                  // the request's header
		"shared/standardwebhooks/standardwebhooks.go", // the key's text
		"shared/standardwebhooks/standardwebhooks.go", // the MAC
		"shared/webhook/verify.go",                    // the MAC
	}
	if !slices.Equal(places, want) {
		t.Errorf("Reveal is called in %v, want %v", places, want)
	}
}

// The linters see direct imports only.
func TestFunctionsAreLinkedWithoutTestCode(t *testing.T) {
	mains, err := filepath.Glob("../functions/*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	command := []string{"list", "-deps"}
	for _, main := range mains {
		command = append(command, filepath.Dir(main))
	}
	out, err := exec.Command("go", command...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for dependency := range strings.FieldsSeq(string(out)) {
		ours, is := strings.CutPrefix(dependency, "github.com/purchasely-clevertap/bridge/")
		if is && (strings.HasSuffix(ours, "test") || slices.Contains([]string{"sample", "template"}, path.Base(ours))) {
			t.Errorf("a function contains %s", ours)
		}
	}
}
