//go:build template

package main_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// mutation is a fault: a text instead of another.
type mutation struct{ Old, New string }

// TestSeededFaultsAreFound puts every mutation into the template, one at a time, and wants a check to find it.
func TestSeededFaultsAreFound(t *testing.T) {
	data, err := os.ReadFile("testdata/mutations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var sections map[string]map[string]mutation
	if err := yaml.Unmarshal(data, &sections); err != nil {
		t.Fatal(err)
	}
	text := templateText(t)
	var names, texts []string
	for section, mutations := range sections {
		for name, m := range mutations {
			mutant, ok := m.apply(section, text)
			if !ok {
				t.Errorf("%s: the template's %s does not have %q any more", name, section, m.Old)
				continue
			}
			names, texts = append(names, section+"/"+name), append(texts, mutant)
		}
	}
	for i, mutant := range translate(t, texts...) {
		t.Run(names[i], func(t *testing.T) {
			found := mutant.Error
			for _, given := range variants {
				for _, check := range checks {
					if found == "" {
						found = strings.Join(newStack(mutant, given).find(check), "; ")
					}
				}
			}
			if found == "" {
				t.Error("nobody finds it")
			}
			t.Log(found)
		})
	}
}

// apply changes the first place in the section that has the old text. A section is a line that ends in a colon, and
// the lines below it that are indented further.
func (m mutation) apply(section, text string) (string, bool) {
	lines := strings.SplitAfter(text, "\n")
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	begin := slices.IndexFunc(lines, func(line string) bool { return strings.TrimSpace(line) == section+":" })
	if begin < 0 {
		return "", false
	}
	end := begin + 1
	for end < len(lines) && (strings.TrimSpace(lines[end]) == "" || indent(lines[end]) > indent(lines[begin])) {
		end++
	}
	block := strings.Join(lines[begin:end], "")
	changed := strings.Replace(block, m.Old, m.New, 1)
	return strings.Join(lines[:begin], "") + changed + strings.Join(lines[end:], ""), changed != block
}
