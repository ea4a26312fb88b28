package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// module is the path before every package of ours.
const module = "github.com/purchasely-clevertap/bridge/"

// figure is one of the figures that a benchmark reports.
type figure struct{ pkg, benchmark, unit string }

// output is what benchmarks have printed.
type output struct {
	machine string
	values  map[figure][]float64 // in the order of the rounds
}

// read reads the form that `go test -bench` prints (Go proposal 14313, November 2026). Lines of any
// other form are skipped, as benchstat does.
func read(r io.Reader) (output, error) {
	out := output{values: make(map[figure][]float64)}
	settings := make(map[string]string)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if name, value, ok := strings.Cut(line, ": "); ok && !strings.Contains(name, " ") {
			settings[name] = strings.TrimSpace(value)
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(line, "Benchmark") {
			continue
		}
		f := figure{pkg: strings.TrimPrefix(settings["pkg"], module), benchmark: benchmarkName(fields[0])}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return output{}, fmt.Errorf("line of %s: %q is no number", fields[0], fields[i])
			}
			f.unit = fields[i+1]
			out.values[f] = append(out.values[f], value)
		}
	}
	out.machine = fmt.Sprintf("%s/%s, %s", settings["goos"], settings["goarch"], settings["cpu"])
	return out, lines.Err()
}

// benchmarkName leaves out what all of them begin with, and the number of processors at the end.
func benchmarkName(text string) string {
	text = strings.TrimPrefix(text, "Benchmark")
	if i := strings.LastIndexByte(text, '-'); i >= 0 {
		if _, err := strconv.Atoi(text[i+1:]); err == nil {
			return text[:i]
		}
	}
	return text
}

// median gives the middle value of all rounds.
func (o output) median(f figure) (float64, error) {
	sorted := slices.Sorted(slices.Values(o.values[f]))
	n := len(sorted)
	if n == 0 {
		return 0, fmt.Errorf("no %s of Benchmark%s in %s", f.unit, f.benchmark, f.pkg)
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, nil
}

// rounds gives how many values the figures have, at most.
func (o output) rounds() (most int) {
	for _, values := range o.values {
		most = max(most, len(values))
	}
	return most
}
