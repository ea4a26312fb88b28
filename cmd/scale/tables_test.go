package main

import (
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/template"
)

// TestThePageShowsTodaysTemplate compares docs/design/scale.md and its charts with what the template makes of them;
// UPDATE_GOLDEN=1 writes them anew.
func TestThePageShowsTodaysTemplate(t *testing.T) {
	const folder = "../../docs/design/"
	compare := func(file string, render func(old string) string) {
		t.Helper()
		old, err := os.ReadFile(folder + file)
		if err != nil {
			t.Fatal(err)
		}
		want := render(string(old))
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			err = os.WriteFile(folder+file, []byte(want), 0o600)
		}
		if diff := cmp.Diff(string(old), want); err != nil || diff != "" && os.Getenv("UPDATE_GOLDEN") != "1" {
			t.Errorf("%s: %v, UPDATE_GOLDEN=1 writes it anew (-file +template):\n%s", file, err, diff)
		}
	}
	count := 0
	compare("scale.md", func(page string) string {
		block := regexp.MustCompile(`(?s)<!-- scale tables: (\w+) -->\n.*?<!-- end -->`)
		return block.ReplaceAllStringFunc(page, func(old string) string {
			name := block.FindStringSubmatch(old)[1]
			count++
			return "<!-- scale tables: " + name + " -->\n" + tables[name](both(t)).String() + "<!-- end -->"
		})
	})
	if count != len(tables) {
		t.Errorf("%d tables are on the page, want %d", count, len(tables))
	}
	for _, m := range both(t) {
		chart, err := simulate(m, usualLoad).chart()
		if err != nil {
			t.Fatal(err)
		}
		compare("scale-"+m.QueueType+".svg", func(string) string { return string(chart) })
		isPlain(t, chart, map[string]int{template.FIFO: 2, template.Standard: 1}[m.QueueType])
	}
}

// TestCostsByHand compares sums with figures worked out on paper, in the order of the lines.
func TestCostsByHand(t *testing.T) {
	m := today(t, template.FIFO)
	m.latency, m.Memory, m.ReceiverMemory = 300*time.Millisecond, 512, 256
	for batch, want := range map[int]float64{
		10: 1 + 0.25 + 0.50 + 0.10 + 0.237 + 0.172 + 0.148 + 1.50, // 326 ms; 369 bytes of log and 1,770 of traffic
		1:  1 + 0.25 + 0.50 + 1.00 + 2.37 + 0.545 + 0.216 + 1.50,  // 325 ms; 1,170 bytes and 2,580
	} {
		if lines := m.costs(batch); math.Abs(lines[len(lines)-1].dollars-want) > 0.02 {
			t.Errorf("batches of %d: %v, want %.3f", batch, lines, want)
		}
	}
}

// isPlain checks a chart for viewers that know neither style sheets nor variables, and for a legend of each line.
func isPlain(t *testing.T, chart []byte, lines int) {
	t.Helper()
	if plain := regexp.MustCompile(`var\(|class=|<style|currentColor`); plain.Match(chart) {
		t.Errorf("a chart has %s", plain.Find(chart))
	}
	drawn := map[string]int{}
	for _, style := range regexp.MustCompile(`stroke:#[^"]*stroke-width:1.5[^"]*`).FindAllString(string(chart), -1) {
		drawn[style]++
	}
	for style, n := range drawn {
		if n%2 != 0 || strings.Contains(style, "#000000") {
			t.Errorf("%d lines and legends are %s", n, style)
		}
	}
	if len(drawn) != lines {
		t.Errorf("the lines are %v", drawn)
	}
}

func TestTheCommand(t *testing.T) {
	t.Chdir("../..")
	svg := t.TempDir() + "/scale.svg"
	var out strings.Builder
	err := run(strings.Fields("-queue fifo -burst 5000 -over 10s -rate 0 -latency 100ms -svg "+svg), &out)
	chart, _ := os.ReadFile(svg)
	said := out.String() + string(chart)
	if err != nil || !strings.Contains(said, "768 a second") || !strings.Contains(said, "5,000 renewals in 10s") {
		t.Errorf("%v\n%s\n%s", err, &out, chart)
	}
	for flags, want := range map[string]string{
		"-queue fast": "neither fifo nor standard", "-latency 0s": "latency and over are more", "-rate 1000": "grow forever",
	} {
		if err := run(strings.Fields(flags), &out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", flags, err, want)
		}
	}
}
