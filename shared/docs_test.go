package shared_test

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestProseEndsBeforeColumn100(t *testing.T) {
	for _, file := range files(t, ".md") {
		fenced := false
		for i, line := range strings.Split(read(t, file), "\n") {
			fenced = fenced != strings.HasPrefix(line, "```")
			prose := !fenced && !regexp.MustCompile(`^\s*\||^<|^    `).MatchString(line) // no code, table or HTML
			if prose && utf8.RuneCountInString(line) >= 100 {
				t.Errorf("%s:%d: a line of %d characters", file, i+1, utf8.RuneCountInString(line))
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s:]+)\)`) // to a file of the repository, not to the web
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// anchors are what GitHub makes of a page's headings.
func anchors(page string) (all []string) {
	for _, match := range heading.FindAllStringSubmatch(page, -1) {
		kept := func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}
		all = append(all, strings.Map(kept, match[1]))
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, file := range files(t, ".md") {
		for _, match := range link.FindAllStringSubmatch(read(t, file), -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			page := path.Join(path.Dir(file), target)
			if target == "" {
				page = file
			}
			if _, err := os.Stat(filepath.Join("..", page)); err != nil {
				t.Errorf("%s: a link to %s, which is not there", file, match[1])
			} else if anchor != "" && !slices.Contains(anchors(read(t, page)), anchor) {
				t.Errorf("%s: a link to %s, which has no such heading", file, match[1])
			}
		}
	}
}

// The README shows the integration file as it is shipped, which is what the fixtures' file says. The shipped one
// itself is the user's by now.
func TestTheReadmeShowsTheFileThatIsShipped(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "README.md"), "\n```yaml\n")
	shown, _, _ := strings.Cut(rest, "```\n")
	comments := regexp.MustCompile(`(?m)^#.*\n|[ ]+#.*$|^\n`)
	plain := func(text string) string { return comments.ReplaceAllString(text, "") }
	if got, want := plain(shown), plain(read(t, "events/integrations.yaml")); got != strings.TrimLeft(want, "\n") {
		t.Errorf("it shows\n%s\nand the fixtures' file says\n%s", got, want)
	}
}

// Whoever reads a log at night must find each reason of it in the guide.
func TestTheGuideExplainsEveryReason(t *testing.T) {
	text, reasons := read(t, "docs/guide/delivery.md"), 0
	for _, s := range sources(t) {
		if s.folder != "shared/fault" || s.test() {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
				reasons++
				word := strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
				if !strings.Contains(text, "`"+word+"`") {
					t.Errorf("docs/guide/delivery.md does not explain %s", word)
				}
			}
			return true
		})
	}
	if reasons < 20 {
		t.Errorf("%d reasons were found", reasons)
	}
}

// The page lists the parameters as template.yaml describes them. UPDATE_GOLDEN=1 writes the table anew.
func TestTheParametersPage(t *testing.T) {
	const page = "docs/guide/parameters.md"
	var template struct {
		Parameters yaml.MapSlice `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "template.yaml")), &template); err != nil {
		t.Fatal(err)
	}
	const head = "| parameter | default | what it does |\n|---|---|---|\n"
	var rows strings.Builder
	for _, p := range template.Parameters {
		about := p.Value.(map[string]any)
		value := "none"
		if text := fmt.Sprint(about["Default"]); text != "" {
			value = "`" + text + "`"
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", p.Key, value,
			strings.ReplaceAll(fmt.Sprint(about["Description"]), "<", "&lt;"))
	}
	got := read(t, page)
	before, rest, _ := strings.Cut(got, head)
	_, after, _ := strings.Cut(rest, "\n## ")
	want := before + head + rows.String() + "\n## " + after
	if got != want && os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(filepath.Join("..", page), []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Errorf("%s differs from template.yaml; UPDATE_GOLDEN=1 writes it anew", page)
	}
}

// Each row of the threat model names the tests, or the targets of the Makefile, that prove it.
func TestTheThreatModelNamesTestsThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		known["make "+match[1]] = true
	}
	for _, file := range files(t, "_test.go") {
		for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(read(t, file), -1) {
			known[match[1]] = true
		}
	}
	text, rows, proofs := read(t, "docs/guide/security.md"), 0, false
	proof := regexp.MustCompile("`((?:Test|Fuzz)\\w+|make [a-z]+)`")
	for _, match := range proof.FindAllStringSubmatch(text, -1) {
		if !known[match[1]] {
			t.Errorf("docs/guide/security.md names %s, which does not exist", match[1])
		}
	}
	for line := range strings.Lines(text) {
		switch {
		case !strings.HasPrefix(line, "|"):
			proofs = false
		case strings.Contains(line, "| proved by |"):
			proofs = true
		case proofs && !strings.HasPrefix(line, "|---"):
			rows++
			cells := strings.Split(strings.Trim(line, "|\n "), " | ")
			if !proof.MatchString(cells[len(cells)-1]) {
				t.Errorf("docs/guide/security.md proves nothing of this: %s", line)
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows were found", rows)
	}
}

func TestTheWorkflowIsPinnedAndMayOnlyRead(t *testing.T) {
	workflows, err := filepath.Glob("../.github/workflows/*")
	if err != nil || len(workflows) == 0 {
		t.Fatalf("%d workflows, %v", len(workflows), err)
	}
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$`)
	for _, workflow := range workflows {
		text := read(t, strings.TrimPrefix(workflow, "../"))
		for _, match := range regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*(.*)$`).FindAllStringSubmatch(text, -1) {
			if !pinned.MatchString(match[1]) {
				t.Errorf("%s: %s is not pinned by a commit, with its version behind it", workflow, match[1])
			}
		}
		for wanted, want := range map[string]bool{
			"\npermissions:\n  contents: read\n": true, "persist-credentials: false": true, "go-version-file: go.mod": true,
			"secrets.": false, ": write": false, "pull_request_target": false, "id-token": false,
		} {
			if strings.Contains(text, wanted) != want {
				t.Errorf("%s: %q is in it: %t", workflow, wanted, !want)
			}
		}
	}
}
