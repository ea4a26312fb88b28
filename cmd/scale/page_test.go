package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// made finds the tables of the page, which stand between two comments.
var made = regexp.MustCompile(`(?s)<!-- scale tables: (\w+) -->\n.*?<!-- end -->`)

// TestThePageShowsTheTablesOfToday keeps docs/design/scale.md in step with the template and the model.
func TestThePageShowsTheTablesOfToday(t *testing.T) {
	byName := make(map[string]string)
	for _, table := range tables {
		text, err := table.make(templateFile)
		if err != nil {
			t.Fatal(err)
		}
		byName[table.name] = text
	}
	compare(t, "../../docs/design/scale.md", func(page string) string {
		return made.ReplaceAllStringFunc(page, func(block string) string {
			name := made.FindStringSubmatch(block)[1]
			text, ok := byName[name]
			if !ok {
				t.Errorf("there is no table %q, or it is on the page twice", name)
			}
			delete(byName, name)
			return "<!-- scale tables: " + name + " -->\n" + text + "<!-- end -->"
		})
	})
	for name := range byName {
		t.Errorf("the page has no table %q", name)
	}
}

// TestThePicturesAreThoseOfToday draws the pictures of the page anew.
func TestThePicturesAreThoseOfToday(t *testing.T) {
	for _, queue := range queues {
		m := today(t, queue)
		compare(t, "../../docs/design/scale-"+queue+".svg", func(string) string { return svg(m, usualLoad, simulate(t, m, usualLoad)) })
	}
}

// compare holds a file against what is made anew of it.
func compare(t *testing.T, file string, make func(old string) string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	fresh := make(string(text))
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(file, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), fresh); diff != "" {
		t.Errorf("%s is out of step with the template; UPDATE_GOLDEN=1 writes it anew (-file +made):\n%s", file, diff)
	}
}

// TestThePageGivesTheDefaultsOfToday holds the last section's second column against the template.
func TestThePageGivesTheDefaultsOfToday(t *testing.T) {
	text, err := os.ReadFile("../../docs/design/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	template, err := readTemplate(templateFile, "")
	if err != nil {
		t.Fatal(err)
	}
	first, second := today(t, fifo), today(t, standard)
	want := map[string]string{
		"FIFO batch":                     grouped(first.batch),
		"standard batch":                 grouped(second.batch),
		"batching window":                span(second.window),
		"uploads at once, FIFO":          grouped(first.uploads),
		"forwarders × uploads, standard": grouped(second.concurrency) + " × " + grouped(second.uploads),
		"forwarder's memory":             grouped(first.memory) + " MB on FIFO, " + grouped(second.memory) + " MB on standard",
		"forwarder's time-out":           span(first.timeout),
		"visibility time-out":            span(first.visibility),
		"receiver's memory":              grouped(first.receiver) + " MB",
	}
	_, section, _ := strings.Cut(string(text), "## The defaults follow from this")
	for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \| (.+?) \| .+ \|$`).FindAllStringSubmatch(section, -1) {
		what, value := row[1], row[2]
		if name := strings.Trim(what, "`"); name != what {
			want[what] = "`" + template.Text("Parameters", name, "Default") + "`"
		}
		if expected, ok := want[what]; ok && value != expected {
			t.Errorf("%s is %s on the page, and %s in the template", what, value, expected)
		}
		delete(want, what)
	}
	if len(want) > 0 || template.Err() != nil {
		t.Errorf("the page says nothing of %v; %v", want, template.Err())
	}
}
