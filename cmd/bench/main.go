// Command bench prints what `go test -bench` has written as one table: each figure beside its floor, which nobody who
// does the same job can beat, beside a plain implementation, beside its aim, and as a share of what a user waits or
// pays for.
//
// benchstat compares two runs; this table compares different figures of one run, which benchstat does not. A missing
// figure is an error, a missed aim is not: another machine measures something else.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// row is a line of the table. Its figures are written as "package benchmark unit", in which only %s differs: floor and
// plain are the name that the table shows, "=" and what replaces %s. The whole is what the figure is a share of, in
// its unit, "=" and its name. Plain, aim and whole may be empty.
type row struct{ name, figure, measured, floor, plain, aim, whole string }

const (
	cold      = "functions/receiver Receiver/cold %s-"
	warm      = "functions/receiver Receiver/warm %s-"
	sdk       = "SDK as it comes=plain"
	posted    = "ready bytes, posted=Floor"
	called    = "ready calls, posted=floor"
	tenPosted = "shared/forward Forwarder%s/batch=10 cpu-µs/msg"
	allPosted = "shared/forward Forwarder%s/batch=1000 cpu-µs/msg"
	tenStored = "functions/forwarder Subscriber/state=%s/batch=10 cpu-µs/msg"
	allStored = "functions/forwarder Subscriber/state=%s/batch=1000 cpu-µs/msg"

	// Lambda gives a core at 1,769 MB. A batch of ten waits a second for CleverTap at 128 MB, one of a thousand two
	// seconds at 512 MB; that second is as long as so many microseconds of a whole core for each message.
	tenWhole = "7236=a batch's second at 128 MB"
	allWhole = "579=a batch's two seconds at 512 MB"
	billed   = "15=15 ms that are billed"
)

var rows = []row{
	{"receiver: exec to first answer, p50", cold + "p50-µs", "receiver", "no-op=noop", sdk, "≤ floor + 4",
		"50=50 ms of Lambda's own"},
	{"receiver: warm call, p50", warm + "p50-µs", "receiver", "no-op=noop", sdk, "≤ floor + 0.3", billed},
	{"receiver: warm call, p99", warm + "p99-µs", "receiver", "no-op=noop", sdk, "≤ floor + 1", billed},
	{"receiver: warm call, processor time", warm + "cpu-µs", "receiver", "post alone=post", sdk, "", billed},
	{"receiver with relay: warm call, p50", warm + "p50-µs", "relaying", "without relay=receiver", "", "", billed},
	{"receiver with relay: warm call, p99", warm + "p99-µs", "relaying", "without relay=receiver", "", "", billed},
	{"receiver: resident", warm + "resident-MB", "receiver", "no-op=noop", sdk, "< 25", "256=256 MB"},
	{"receiver: binary", cold + "binary-MB", "receiver", "no-op=noop", sdk, "< 13", ""},
	{"forwarder: batch of 10", tenPosted, "/bridge", posted, "encoding/json, maps=/plain", "≥ 2.5 × less", tenWhole},
	{"forwarder: batch of 1,000", allPosted, "/bridge", posted, "encoding/json, maps=/plain", "≥ 4 × less", allWhole},
	{"with table and journal: batch of 10", tenStored, "on", called, sdk, "< 200", tenWhole},
	{"with table and journal: batch of 1,000", allStored, "on", called, sdk, "< 100", allWhole},
}

// units are the table's names for the units of the benchmarks, and how many of a benchmark's make one of the table's.
var units = map[string]struct {
	name string
	per  float64
}{"µs": {"ms", 1000}, "MB": {"MB", 1}, "µs/msg": {"µs/message", 1}}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bench FILE, which holds what `go test -bench` has printed")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(name string, out io.Writer) error {
	file, err := os.Open(name) //nolint:gosec // The user names it.
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	values, err := read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return table(values, out)
}

// read collects the values of every figure from what `go test -bench` prints (Go proposal 14313, November 2026).
func read(r io.Reader) (map[string][]float64, error) {
	values, pkg := map[string][]float64{}, ""
	benchmark := regexp.MustCompile(`^Benchmark(.*?)(-\d+)?$`) // The number of processors ends the name.
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if path, ok := strings.CutPrefix(lines.Text(), "pkg: github.com/purchasely-clevertap/bridge/"); ok {
			pkg = path
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := benchmark.FindStringSubmatch(fields[0])[1]
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("line of %s: %w", fields[0], err)
			}
			figure := strings.Join([]string{pkg, name, fields[i+1]}, " ")
			values[figure] = append(values[figure], value)
		}
	}
	return values, lines.Err()
}

// table writes all rows in Markdown, or an error that names every figure that is missing.
func table(values map[string][]float64, out io.Writer) error {
	var missing []error
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| figure\t| measured\t| unit\t| floor\t| × floor\t| plain\t| × less\t| aim\t| share\t|")
	fmt.Fprintln(w, "|---\t|---:\t|---\t|---:\t|---:\t|---:\t|---:\t|---:\t|---:\t|")
	for _, r := range rows {
		unit := units[r.figure[strings.LastIndexAny(r.figure, " -")+1:]]
		median := func(of string) float64 {
			figure := fmt.Sprintf(r.figure, of)
			sorted := slices.Sorted(slices.Values(values[figure]))
			n := len(sorted)
			if n == 0 {
				missing = append(missing, fmt.Errorf("no figure %q", figure))
				return math.NaN()
			}
			return (sorted[(n-1)/2] + sorted[n/2]) / 2 / unit.per
		}
		floorName, floorOf, _ := strings.Cut(r.floor, "=")
		measured, floor := median(r.measured), median(floorOf)
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t", r.name, digits(measured), unit.name)
		fmt.Fprintf(w, "| %s %s\t| %s\t| ", floorName, digits(floor), digits(measured/floor))
		plain := math.NaN()
		if name, of, ok := strings.Cut(r.plain, "="); ok {
			plain = median(of)
			fmt.Fprintf(w, "%s %s\t| %s", name, digits(plain), digits(plain/measured))
		} else {
			fmt.Fprint(w, "\t|")
		}
		fmt.Fprintf(w, "\t| %s\t| %s\t|\n", verdict(r.aim, measured, floor, plain), share(r.whole, measured))
	}
	if err := errors.Join(missing...); err != nil {
		return err
	}
	return w.Flush()
}

// share is how much of a whole a figure is.
func share(whole string, measured float64) string {
	all, name, ok := strings.Cut(whole, "=")
	if !ok {
		return ""
	}
	of, _ := strconv.ParseFloat(all, 64) // TestEveryRowHasItsBenchmark reads it.
	return digits(100*measured/of) + " % of " + name
}

// digits writes three digits or more.
func digits(v float64) string {
	return fmt.Sprintf("%.*f", max(0, 2-int(math.Floor(math.Log10(v)))), v)
}

// verdict reads an aim and says whether it is met.
func verdict(aim string, measured, floor, plain float64) string {
	if aim == "" {
		return ""
	}
	var limit float64
	is := func(format string) bool { n, _ := fmt.Sscanf(aim, format, &limit); return n == 1 }
	if is("< %g") && measured < limit ||
		is("≤ floor + %g") && measured-floor <= limit ||
		is("≥ %g × less") && plain >= limit*measured {
		return aim + ", met"
	}
	return aim + ", missed"
}
