package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// measure runs every benchmark so often and writes what they print into a file. Round after round, so that a busy minute of the machine
// spoils one value of each figure and not all values of one.
func measure(ctx context.Context, rounds int, name string, screen io.Writer) error {
	packages, err := withBenchmarks(os.DirFS("."))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for round := range rounds {
		for _, p := range packages {
			_, _ = fmt.Fprintf(screen, "── %s, round %d of %d\n", p, round+1, rounds)
			err := command(ctx, io.MultiWriter(screen, file), "", "go", "test", "-run=^$", "-bench=.", "-benchmem", "-timeout=1h", "./"+p)
			if err != nil {
				return fmt.Errorf("benchmarks of %s: %w", p, err)
			}
		}
	}
	return file.Close()
}

// withBenchmarks finds the folders of a tree whose packages have benchmarks.
func withBenchmarks(tree fs.FS) ([]string, error) {
	var folders []string
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if bytes.Contains(text, []byte("\nfunc Benchmark")) {
			folders = append(folders, path.Dir(name))
		}
		return err
	})
	slices.Sort(folders)
	return slices.Compact(folders), err
}

// command runs a program in a folder.
func command(ctx context.Context, output io.Writer, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // All of them are our own.
	c.Dir, c.Stdout, c.Stderr = dir, output, os.Stderr
	return c.Run()
}
