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

// printed is what so many rounds print, each with the processor time of a message in a batch of 10 and in one of 1,000.
func printed(rounds ...[2]float64) string {
	var text strings.Builder
	text.WriteString("pkg: " + module + "shared/forward\n")
	for _, r := range rounds {
		_, _ = fmt.Fprintf(&text, "BenchmarkForwarder/bridge/batch=10-2 1 %v cpu-µs/msg\nBenchmarkForwarder/bridge/batch=1000-2 1 %v cpu-µs/msg\n", r[0], r[1])
	}
	return text.String()
}

func TestTheGainOfAProfile(t *testing.T) {
	t.Parallel()
	slow := printed([2]float64{100, 50}, [2]float64{90, 40}, [2]float64{200, 60})
	for name, test := range map[string]struct {
		with, gain string
	}{
		"the median counts":   {printed([2]float64{90, 49}, [2]float64{45, 20}, [2]float64{90, 70}), "0.020"}, // 10 % and 2 %, least 50 % each
		"the least counts":    {printed([2]float64{50, 25}, [2]float64{50, 25}, [2]float64{81, 40}), "0.375"}, // 44.4 % and 37.5 %, median 50 % each
		"nothing is gained":   {slow, "0.000"},
		"it takes longer now": {printed([2]float64{110, 55}), "-0.375"}, // least
	} {
		text, gain, err := gains(slow, test.with)
		if got := fmt.Sprintf("%.3f", gain); err != nil || got != test.gain {
			t.Errorf("%s: got %s, %v, want %s:\n%s", name, got, err, test.gain, text)
		}
	}
	text, _, _ := gains(slow, printed([2]float64{90, 49}))
	want := "   batch of 10, µs a message without and with: median 100 and 90.0 (10.0 % less), least 90.0 and 90.0 (0.0 % less)\n" +
		"   batch of 1000, µs a message without and with: median 50.0 and 49.0 (2.0 % less), least 40.0 and 49.0 (-22.5 % less)\n"
	if text != want {
		t.Errorf("got\n%swant\n%s", text, want)
	}
	if _, _, err := gains(slow, ""); err == nil {
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
