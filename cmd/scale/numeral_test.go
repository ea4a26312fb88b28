package main

import (
	"slices"
	"testing"
	"time"
)

func TestNumerals(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 120_000: "120,000", 1_234_567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0:                                        "0",
		100 * time.Millisecond:                   "100 ms",
		time.Second:                              "1 s",
		2157 * time.Millisecond:                  "2.2 s",
		40_600 * time.Millisecond:                "41 s",
		3 * time.Minute:                          "3 min",
		182 * time.Second:                        "3 min 2 s",
		59*time.Minute + 59_600*time.Millisecond: "1 h",
		2*time.Hour + 16*time.Minute:             "2 h 16 min",
		26 * time.Hour:                           "1 d 2 h",
	} {
		if got := span(d); got != want {
			t.Errorf("%d is written %s, want %s", d, got, want)
		}
	}
}

func TestAxesHaveFewRoundTicks(t *testing.T) {
	for largest, want := range map[int][]int{
		0: {0, 1}, 6: {0, 1, 2, 3, 4, 5, 6}, 7: {0, 2, 4, 6, 8}, 937_122: {0, 200_000, 400_000, 600_000, 800_000, 1_000_000},
	} {
		if got := ticks(largest); !slices.Equal(got, want) {
			t.Errorf("up to %d: %v, want %v", largest, got, want)
		}
	}
	for _, longest := range []time.Duration{0, time.Millisecond, 41 * time.Second, 11 * time.Minute, 7 * time.Hour, 20 * 24 * time.Hour, 300 * 24 * time.Hour} {
		all := timeTicks(longest)
		if last := all[len(all)-1]; last < longest || all[len(all)-2] >= longest && longest > 0 || all[0] != 0 {
			t.Errorf("up to %s: %v", longest, all)
		}
	}
}
