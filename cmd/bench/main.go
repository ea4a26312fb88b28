// Command bench prints what `go test -bench` has written as one table: each figure beside its floor, which nobody who
// does the same job can beat, beside a plain implementation, and beside its aim.
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
// plain are the name that the table shows, "=" and what replaces %s. Plain and aim may be empty.
type row struct{ name, figure, measured, floor, plain, aim string }

const (
	cold      = "functions/receiver Receiver/cold %s-"
	warm      = "functions/receiver Receiver/warm %s-"
	sdk       = "SDK as it comes=plain"
	posted    = "ready bytes, posted=Floor"
	reading   = "shared/webhook %s cpu-ns/op"
	mapping   = "shared/mapping %s cpu-ns/op"
	uploading = "shared/clevertap Upload/%s/records=1000 cpu-ns/op"
	accepted  = "shared/clevertap Answer/%s/all_accepted cpu-ns/op"
	refused   = "shared/clevertap Answer/%s/all_refused cpu-ns/op"
	tenPosted = "shared/forward Forwarder%s/batch=10 cpu-µs/msg"
	allPosted = "shared/forward Forwarder%s/batch=1000 cpu-µs/msg"
	tenStored = "functions/forwarder Subscriber/state=%s/batch=10 cpu-µs/msg"
	allStored = "functions/forwarder Subscriber/state=%s/batch=1000 cpu-µs/msg"
)

var rows = []row{
	{"receiver: exec to first answer, p50", cold + "p50-µs", "receiver", "no-op=noop", sdk, "≤ floor + 4"},
	{"receiver: the same, processor time", cold + "cpu-µs", "receiver", "no-op=noop", sdk, ""},
	{"receiver: warm call, p50", warm + "p50-µs", "receiver", "no-op=noop", sdk, "≤ floor + 0.3"},
	{"receiver: warm call, p99", warm + "p99-µs", "receiver", "no-op=noop", sdk, "≤ floor + 1"},
	{"receiver: warm call, processor time", warm + "cpu-µs", "receiver", "post alone=post", sdk, ""},
	{"receiver with relay: warm call, p50", warm + "p50-µs", "relaying", "without relay=receiver", "", ""},
	{"receiver with relay: warm call, p99", warm + "p99-µs", "relaying", "without relay=receiver", "", ""},
	{"receiver: resident", warm + "resident-MB", "receiver", "no-op=noop", sdk, "< 25"},
	{"receiver: binary", cold + "binary-MB", "receiver", "no-op=noop", sdk, "< 9"},
	{"signature check", reading, "Verify", "HMAC alone=HMAC", "", ""},
	{"reading only the ids", reading, "Peek", "tokens alone=Tokens", "encoding/json=PlainPeek", ""},
	{"reading the tokens alone", reading, "Tokens", "memory copy=Copy", "", ""},
	{"reading every attribute", mapping, "Read", "tokens alone=Floor", "", ""},
	{"mapping, bytes to both records", mapping, "Map", "tokens alone=Floor", "encoding/json, maps=Plain", "< 7.5"},
	{"upload of 1,000 ready records", uploading, "bridge", "memory copy=copy", "encoding/json=plain", ""},
	{"answer that accepts 1,000 records", accepted, "bridge", "tokens alone=tokens", "encoding/json=plain", ""},
	{"answer that refuses 1,000 records", refused, "bridge", "tokens alone=tokens", "encoding/json=plain", ""},
	{"forwarder: batch of 10", tenPosted, "/bridge", posted, "encoding/json, maps=/plain", "≥ 2.5 × less"},
	{"forwarder: batch of 1,000", allPosted, "/bridge", posted, "encoding/json, maps=/plain", "≥ 5 × less"},
	{"state and journal: batch of 10", tenStored, "on", "without=off", "SDK as it comes=plain", ""},
	{"state and journal: batch of 1,000", allStored, "on", "without=off", "SDK as it comes=plain", ""},
	{"without journal: batch of 10", tenStored, "no-journal", "without=off", "", ""},
	{"without journal: batch of 1,000", allStored, "no-journal", "without=off", "", ""},
	{"with bodies: batch of 10", tenStored, "bodies", "without=off", "", ""},
	{"with bodies: batch of 1,000", allStored, "bodies", "without=off", "", ""},
}

// units are the table's names for the units of the benchmarks, and how many of a benchmark's make one of the table's.
var units = map[string]struct {
	name string
	per  float64
}{"ns/op": {"µs", 1000}, "µs": {"ms", 1000}, "MB": {"MB", 1}, "µs/msg": {"µs/message", 1}}

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
	fmt.Fprintln(w, "| figure\t| measured\t| unit\t| floor\t| × floor\t| plain\t| × less\t| aim\t|")
	fmt.Fprintln(w, "|---\t|---:\t|---\t|---:\t|---:\t|---:\t|---:\t|---:\t|")
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
		fmt.Fprintf(w, "\t| %s\t|\n", verdict(r.aim, measured, floor, plain))
	}
	if err := errors.Join(missing...); err != nil {
		return err
	}
	return w.Flush()
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
