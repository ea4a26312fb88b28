package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inModule puts the test into a module of one package.
func inModule(t *testing.T, benchmark string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod":         "module example.com/one\n\ngo 1.26\n",
		"a/step_test.go": "package a\n\nimport \"testing\"\n\nfunc BenchmarkStep(b *testing.B) { " + benchmark + " }\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryRoundIsKeptAsItWasPrinted(t *testing.T) {
	inModule(t, `b.ReportMetric(4, "steps")`)
	var screen strings.Builder
	if err := measure(t.Context(), 2, "out/bench.txt", &screen); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("out/bench.txt")
	if err != nil {
		t.Fatal(err)
	}
	out, err := read(strings.NewReader(string(text)))
	if values := out.values[figure{"example.com/one/a", "Step", "steps"}]; err != nil || len(values) != 2 {
		t.Errorf("got %v, %v of\n%s", values, err, text)
	}
	var printed []string
	for line := range strings.Lines(screen.String()) {
		if !strings.HasPrefix(line, "── ") {
			printed = append(printed, line)
		}
	}
	if strings.Join(printed, "") != string(text) {
		t.Errorf("file:\n%s\nscreen:\n%s", text, screen.String())
	}
}

func TestABenchmarkThatFailsEndsIt(t *testing.T) {
	inModule(t, `b.Fatal("no")`)
	err := measure(t.Context(), 1, "bench.txt", io.Discard)
	if err == nil || !strings.Contains(err.Error(), "benchmarks of a: ") {
		t.Errorf("got %v", err)
	}
}

func TestNoRoundsMeasureNothing(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), 0, "", io.Discard); err == nil {
		t.Error("no error")
	}
}
