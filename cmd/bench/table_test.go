package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const recorded = "testdata/bench.txt"

// TestTheTableOfARecordedRun compares it with testdata/table.md; UPDATE_GOLDEN=1 writes that file anew.
func TestTheTableOfARecordedRun(t *testing.T) {
	t.Parallel()
	var screen strings.Builder
	if err := run(t.Context(), 1, recorded, &screen); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/table.md"
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(golden, []byte(screen.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(screen.String(), "\n")); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	out, err := read(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for _, f := range []figure{r.of, r.floor.figure, r.plain.figure} {
			if f.benchmark == "" {
				continue
			}
			without := output{values: map[figure][]float64{}}
			for other, values := range out.values {
				if other != f {
					without.values[other] = values
				}
			}
			got, err := table(without)
			if want := "no " + f.unit + " of Benchmark" + f.benchmark + " in " + f.pkg; got != "" || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s without %v: table %q, error %v, want an error with %q", r.name, f, got, err, want)
			}
		}
	}
}

func TestAllThatIsMissingIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := table(output{})
	for _, r := range rows {
		if want := "Benchmark" + r.of.benchmark + " in " + r.of.pkg; !strings.Contains(err.Error(), want) {
			t.Errorf("error does not name %s", want)
		}
	}
}

// TestEveryRowHasItsBenchmark looks into the sources, which may have changed since the output was recorded.
func TestEveryRowHasItsBenchmark(t *testing.T) {
	t.Parallel()
	tree := os.DirFS("../..")
	packages, err := withBenchmarks(tree)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func Benchmark(\w+)\(`)
	for _, p := range packages {
		files, err := os.ReadDir("../../" + p)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), "_test.go") {
				continue
			}
			text, err := os.ReadFile("../../" + p + "/" + file.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range function.FindAllStringSubmatch(string(text), -1) {
				declared[p+" "+match[1]] = true
			}
		}
	}
	for _, r := range rows {
		for _, f := range []figure{r.of, r.floor.figure, r.plain.figure} {
			name, _, _ := strings.Cut(f.benchmark, "/")
			if name != "" && !declared[f.pkg+" "+name] {
				t.Errorf("%s: there is no Benchmark%s in %s", r.name, name, f.pkg)
			}
		}
	}
}

func TestPackagesWithBenchmarks(t *testing.T) {
	t.Parallel()
	with, without := &fstest.MapFile{Data: []byte("package p\n\nfunc BenchmarkP(b *testing.B) {}\n")}, &fstest.MapFile{Data: []byte("package p\n")}
	got, err := withBenchmarks(fstest.MapFS{
		"b/one_test.go": with, "b/two_test.go": with, "a/deep/er_test.go": with,
		"c/one_test.go": without, "d/notest.go": with, "e/testdata/f_test.go": with, ".tools/mod/g_test.go": with,
	})
	if want := []string{"a/deep", "b"}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestAims(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		aim                    aim
		measured, floor, plain float64
		text                   string
		met                    bool
	}{
		{below(9), 8.99, 1, 1, "< 9", true},
		{below(9), 9, 1, 1, "< 9", false},
		{above(0.5), 1.5, 1, 0, "≤ floor + 0.5", true},
		{above(0.5), 1.75, 1, 9, "≤ floor + 0.5", false},
		{timesLess(2.5), 4, 0, 10, "≥ 2.5 × less", true},
		{timesLess(2.5), 4.1, 0, 10, "≥ 2.5 × less", false},
	} {
		if text, met := test.aim(test.measured, test.floor, test.plain); text != test.text || met != test.met {
			t.Errorf("%v beside %v and %v: got %q, %v, want %q, %v", test.measured, test.floor, test.plain, text, met, test.text, test.met)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.02164: "0.0216", 0.5: "0.500", 1.236: "1.24", 12.34: "12.3", 123.4: "123", 12345: "12345"} {
		if got := number(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
