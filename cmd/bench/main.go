// Command bench is what `make bench` and `make profile` run: what the bridge costs, beside what nobody can avoid.
//
// It answers three questions about each figure: how far it is above its floor, how far below a plain implementation, and whether it is
// within its aim. It runs the benchmarks of the repository, one package after the other, keeps what they print as it is, for benchstat,
// and shows one table. It promises an error that names what is missing instead of a table with a hole in it. It measures nothing by
// itself, and a missed aim is not an error: another machine, another figure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// folder takes everything that is written, except a profile that is worth keeping.
const folder = ".local"

func main() {
	rounds := flag.Int("count", 1, "how often everything is measured; the table shows the median")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, "bench [-count N]            runs the benchmarks and prints the table\n"+
			"bench FILE                  prints the table of output that is there already\n"+
			"bench [-count N] profile    makes a profile of the forwarder and measures what it gains\n")
	}
	flag.Parse()
	if err := run(context.Background(), *rounds, flag.Arg(0), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, what string, screen io.Writer) error {
	if rounds < 1 {
		return errors.New("count is below 1")
	}
	switch what {
	case "":
		raw := filepath.Join(folder, "bench.txt")
		if err := measure(ctx, rounds, raw, screen); err != nil {
			return err
		}
		return show(raw, screen)
	case "profile":
		return profile(ctx, rounds, screen)
	default:
		return show(what, screen)
	}
}

// show prints the table of recorded output.
func show(name string, screen io.Writer) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	out, err := read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	text, err := table(out)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = fmt.Fprintf(screen, "\n%s", text)
	return err
}
