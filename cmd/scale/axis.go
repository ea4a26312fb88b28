package main

import "time"

// fewTicks is how many an axis has at most, beside that at 0.
const fewTicks = 6

// ticks are round values from 0 to the first that is not below the largest, few of them.
func ticks(largest int) []int {
	for unit := 1; ; unit *= 10 {
		for _, step := range [...]int{unit, 2 * unit, 5 * unit} {
			if ceil(largest, step) <= fewTicks {
				return to(largest, step)
			}
		}
	}
}

// roundSpans are the steps in which people count time.
var roundSpans = [...]time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 96 * time.Hour,
}

// timeTicks are the same for times.
func timeTicks(longest time.Duration) []time.Duration {
	step := roundSpans[len(roundSpans)-1]
	for _, s := range roundSpans {
		if longest <= fewTicks*s {
			step = s
			break
		}
	}
	return to(longest, step)
}

// to counts from 0 in steps to the first value that is not below the last, but always one step.
func to[N int | time.Duration](last, step N) []N {
	all := []N{0, step}
	for all[len(all)-1] < last {
		all = append(all, all[len(all)-1]+step)
	}
	return all
}
