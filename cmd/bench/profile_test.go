package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func printed(ten, thousand float64) string {
	return fmt.Sprintf("pkg: %sshared/forward\nBenchmarkForwarder/bridge/batch=10-2 1 %v cpu-µs/msg\nBenchmarkForwarder/bridge/batch=1000-2 1 %v cpu-µs/msg\n",
		module, ten, thousand)
}

func TestTheGainOfAProfileIsTheMeanOfBothSizes(t *testing.T) {
	t.Parallel()
	text, gain, err := gains(printed(100, 50), printed(90, 49))
	want := "   batch of 10: 100 µs a message without, 90.0 with: 10.0 % less\n   batch of 1000: 50.0 µs a message without, 49.0 with: 2.0 % less\n"
	if err != nil || text != want || fmt.Sprintf("%.3f", gain) != "0.060" {
		t.Errorf("got %q, %v, %v", text, gain, err)
	}
	if _, _, err := gains(printed(100, 50), ""); err == nil {
		t.Error("nothing was measured with the profile, and there is no error")
	}
}

func TestAProfileIsKeptOnlyIfItGainsEnough(t *testing.T) {
	for gain, want := range map[float64]bool{-0.1: false, 0.05: false, 0.051: true} {
		t.Run(fmt.Sprint(gain), func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile("made", []byte("profile"), 0o600); err != nil {
				t.Fatal(err)
			}
			var screen strings.Builder
			if err := keep("made", gain, &screen); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(kept)
			if want && string(text) != "profile" || !want && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %q, %v", text, err)
			}
			if !strings.Contains(screen.String(), kept) {
				t.Errorf("screen: %q", screen.String())
			}
		})
	}
}
