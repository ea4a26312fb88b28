package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// profiled is what the profile is made of: batches of 10 and of 1,000, the same time each. The binaries run in the package's folder.
	profiled, profiledFolder = "^BenchmarkForwarder$/^bridge$", "shared/forward"
	// processors is how many the function schedules its goroutines on.
	processors = "1"
	// kept is where the Go tool looks for a profile by itself when it builds the forwarder.
	kept = "functions/forwarder/default.pgo"
	// worth is the gain above which a profile is worth a file in the repository that has to be made anew.
	worth = 0.05
)

// build is the forwarder's benchmark, built in one of two ways.
type build struct {
	name, pgo, binary string
	raw               strings.Builder
}

// profile makes a profile of the forwarder, measures the forwarder without and with it, in turns, and keeps it if that gains enough.
func profile(ctx context.Context, rounds int, screen io.Writer) error {
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(absolute, 0o750); err != nil {
		return err
	}
	made := filepath.Join(absolute, "forwarder.pgo")
	_, _ = fmt.Fprintln(screen, "── profile")
	if err := command(ctx, screen, "", "go", "test", "-run=^$", "-bench="+profiled, "-benchtime=10s", "-cpu="+processors, "-cpuprofile="+made,
		"-o="+filepath.Join(absolute, "forwarder.test"), "./"+profiledFolder); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	without, with := &build{name: "without", pgo: "off"}, &build{name: "with", pgo: made}
	for _, b := range []*build{without, with} {
		b.binary = filepath.Join(absolute, b.name+"-profile.test")
		if err := command(ctx, screen, "", "go", "test", "-c", "-pgo="+b.pgo, "-o="+b.binary, "./"+profiledFolder); err != nil {
			return fmt.Errorf("build %s the profile: %w", b.name, err)
		}
	}
	turn := []*build{without, with}
	for round := range rounds {
		for _, b := range turn {
			_, _ = fmt.Fprintf(screen, "── %s the profile, round %d of %d\n", b.name, round+1, rounds)
			if err := command(ctx, io.MultiWriter(screen, &b.raw), profiledFolder, b.binary,
				"-test.run=^$", "-test.bench="+profiled, "-test.cpu="+processors); err != nil {
				return fmt.Errorf("benchmark %s the profile: %w", b.name, err)
			}
		}
		slices.Reverse(turn)
	}
	for _, b := range []*build{without, with} {
		if err := os.WriteFile(filepath.Join(absolute, b.name+"-profile.txt"), []byte(b.raw.String()), 0o600); err != nil {
			return err
		}
	}
	text, gain, err := gains(without.raw.String(), with.raw.String())
	if err != nil {
		return err
	}
	_, _ = fmt.Fprint(screen, text)
	return keep(made, gain, screen)
}

// gains tells what the profile saves of a message's processor time: by the median of all rounds and by the least, for both sizes of batch.
// The least is what other programs disturbed least, the median no stroke of luck, small batches are what the FIFO queue hands out and large
// ones the standard queue: the smallest of the four gains is the one that counts.
func gains(without, with string) (text string, gain float64, err error) {
	before, err := read(strings.NewReader(without))
	if err != nil {
		return "", 0, err
	}
	after, err := read(strings.NewReader(with))
	if err != nil {
		return "", 0, err
	}
	gain = 1
	for _, size := range []string{"10", "1000"} {
		of := forward("Forwarder/bridge/batch=" + size)
		slow, err := before.median(of)
		if err != nil {
			return "", 0, err
		}
		fast, err := after.median(of)
		if err != nil {
			return "", 0, err
		}
		slowLeast, fastLeast := slices.Min(before.values[of]), slices.Min(after.values[of])
		text += fmt.Sprintf("   batch of %s, µs a message without and with: median %s and %s (%.1f %% less), least %s and %s (%.1f %% less)\n", size,
			number(slow), number(fast), 100*(1-fast/slow), number(slowLeast), number(fastLeast), 100*(1-fastLeast/slowLeast))
		gain = min(gain, 1-fast/slow, 1-fastLeast/slowLeast)
	}
	return text, gain, nil
}

// keep puts a profile where builds find it, if it gains enough.
func keep(made string, gain float64, screen io.Writer) error {
	if gain <= worth {
		_, _ = fmt.Fprintf(screen, "   %.1f %% less at least: not worth %s, nothing is changed\n", 100*gain, kept)
		return nil
	}
	text, err := os.ReadFile(made)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(screen, "   %.1f %% less at least: kept as %s\n", 100*gain, kept)
	return os.WriteFile(kept, text, 0o644) //nolint:gosec // Like every other source.
}
