package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheTableOfARecordedRun compares it with testdata/table.md.
func TestTheTableOfARecordedRun(t *testing.T) {
	var out strings.Builder
	if err := run("testdata/bench.txt", &out); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/table.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestMissingFiguresAreNamedAndNumbersChecked(t *testing.T) {
	err := table(map[string][]float64{"shared/forward Forwarder/plain/batch=10 cpu-µs/msg": {1}}, &strings.Builder{})
	for _, missing := range []string{
		"shared/forward ForwarderFloor/batch=10 cpu-µs/msg", "functions/receiver Receiver/cold plain-p50-µs",
	} {
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("want %s in %v", missing, err)
		}
	}
	if strings.Contains(err.Error(), "Forwarder/plain/batch=10 ") {
		t.Errorf("a figure that is there is missing: %v", err)
	}
	if _, err := read(strings.NewReader("BenchmarkStep-2  100  fast ns/op\n")); err == nil {
		t.Error("fast is no number")
	}
}

// The recorded run is of earlier code: this looks for the benchmarks in today's.
func TestEveryRowHasItsBenchmark(t *testing.T) {
	for _, r := range rows {
		fields := strings.Fields(strings.ReplaceAll(r.figure, "%s", r.measured))
		name, _, _ := strings.Cut(fields[1], "/")
		if s := share(r.whole, 1); strings.Contains(s, "Inf") {
			t.Errorf("%s: no share of %q", r.name, r.whole)
		}
		files, _ := filepath.Glob("../../" + fields[0] + "/*_test.go")
		var code strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
		if !strings.Contains(code.String(), "\nfunc Benchmark"+name+"(") {
			t.Errorf("%s: there is no Benchmark%s in %s", r.name, name, fields[0])
		}
	}
}
