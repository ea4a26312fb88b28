package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const oneDay = 24 * time.Hour

// age is a flag's value: a duration that may have days, such as 3d or 36h.
type age time.Duration

var errAge = errors.New("want an age such as 30m, 12h or 3d")

// Set reads an age. Days stand in front.
func (a *age) Set(text string) error {
	rest, sum := text, time.Duration(0)
	if days, behind, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return errAge
		}
		rest, sum = behind, time.Duration(n)*oneDay
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return errAge
		}
		sum += d
	}
	if sum <= 0 {
		return errAge
	}
	*a = age(sum)
	return nil
}

// String shows an age as Set reads it; none is empty.
func (a *age) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

// Type names the value in a command's help.
func (*age) Type() string { return "age" }

// ago is how long ago something was, in the two largest units.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < oneDay:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd %dh", d/oneDay, d%oneDay/time.Hour)
	}
}
