package main

import (
	"strings"
	"testing"
)

func TestTheMedianOfAllRounds(t *testing.T) {
	t.Parallel()
	out, err := read(strings.NewReader(strings.Join([]string{
		"goos: linux", "goarch: arm64", "pkg: " + module + "shared/a", "cpu: one",
		"BenchmarkStep/size=10-8    100   5.0 ns/op   7 B/op",
		"BenchmarkStep/size=10-8    100   1.0 ns/op   9 B/op",
		"BenchmarkAlone             100   4.0 ns/op",
		"PASS", "ok  \t" + module + "shared/a\t1.2s",
		"pkg: " + module + "shared/b",
		"BenchmarkStep/size=10-8",
		"BenchmarkStep/size=10-8    100   3.0 ns/op",
		"pkg: " + module + "shared/a",
		"BenchmarkStep/size=10-8    100   2.0 ns/op   1 B/op",
		"BenchmarkStep/size=10-8    100   9.0 ns/op",
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	for f, want := range map[figure]float64{
		{"shared/a", "Step/size=10", "ns/op"}: 3.5, // of four
		{"shared/a", "Step/size=10", "B/op"}:  7,   // of three
		{"shared/a", "Alone", "ns/op"}:        4,   // GOMAXPROCS is 1
		{"shared/b", "Step/size=10", "ns/op"}: 3,
	} {
		if got, err := out.median(f); err != nil || got != want {
			t.Errorf("%v: got %v, %v, want %v", f, got, err, want)
		}
	}
	if out.machine != "linux/arm64, one" || out.rounds() != 4 {
		t.Errorf("machine %q, %d rounds", out.machine, out.rounds())
	}
	if _, err := out.median(figure{"shared/b", "Alone", "ns/op"}); err == nil {
		t.Error("a figure of another package counts")
	}
}

func TestWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	_, err := read(strings.NewReader("BenchmarkStep-2  100  fast ns/op\n"))
	if err == nil || err.Error() != `line of BenchmarkStep-2: "fast" is no number` {
		t.Errorf("got %v", err)
	}
}
