package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"
)

const day = 24 * time.Hour

// Age is a flag's value: a duration that may have days, such as 3d or 36h.
type Age time.Duration

var errAge = errors.New("want an age such as 30m, 12h or 3d")

// Set reads an age; days come first.
func (a *Age) Set(text string) error {
	rest, sum := text, time.Duration(0)
	if days, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return errAge
		}
		rest, sum = after, time.Duration(n)*day
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
	*a = Age(sum)
	return nil
}

// String is an age as Set reads it, empty for none.
func (a *Age) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

// Type names the value in a command's help.
func (*Age) Type() string { return "age" }

// Rate is a flag's value: how many per second, 0 for as fast as possible.
type Rate float64

// Set reads a rate.
func (r *Rate) Set(text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0) { // NaN neither
		return errors.New("want 0 or more")
	}
	*r = Rate(n)
	return nil
}

// String is a rate as Set reads it.
func (r *Rate) String() string { return strconv.FormatFloat(float64(*r), 'g', -1, 64) }

// Type names the value in a command's help.
func (*Rate) Type() string { return "float" }

// Limiter returns a limiter of the rate that lets so many pass at once.
func (r Rate) Limiter(burst int) *rate.Limiter {
	limit := rate.Inf
	if r > 0 {
		limit = rate.Limit(r)
	}
	return rate.NewLimiter(limit, burst)
}

// Pace says how long so many things take.
func (r Rate) Pace(n int) string {
	if r <= 0 {
		return ", as fast as it goes"
	}
	took := max(time.Second, time.Duration(float64(n)/float64(r))*time.Second)
	return fmt.Sprintf(", %g a second, which takes about %s", float64(r), took)
}

// Instant is a flag's value: a time such as 2026-11-21T08:30:00Z, a day of UTC, or an age, which is how long ago it is.
type Instant struct {
	time.Time
	EndOfDay bool   // a day is its end, not its beginning
	Text     string // as it was given
}

var errInstant = errors.New("want a day such as 2026-11-21, a time such as 2026-11-21T08:30:00Z, " +
	"or how long ago, such as 12h or 3d")

// Set reads an instant. Times are UTC unless they say otherwise.
func (i *Instant) Set(text string) error {
	i.Text = text
	var ago Age
	if ago.Set(text) == nil {
		i.Time = time.Now().UTC().Add(-time.Duration(ago))
		return nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if layout == time.DateOnly && i.EndOfDay {
			t = t.AddDate(0, 0, 1)
		}
		i.Time = t.UTC()
		return nil
	}
	return errInstant
}

// String is an instant as Set reads it, empty for none.
func (i *Instant) String() string {
	if i.IsZero() {
		return ""
	}
	return i.Format(time.RFC3339Nano)
}

// Type names the value in a command's help.
func (*Instant) Type() string { return "time" }

// Period is what lies from a time on and before another; zero times are no bounds.
type Period struct{ From, To Instant }

// PeriodFlags declares --from and --to.
func PeriodFlags(cmd *cobra.Command, p *Period, what string) {
	p.To.EndOfDay = true
	cmd.Flags().Var(&p.From, "from", what+" from this time on: a day, a time (UTC), or how long ago")
	cmd.Flags().Var(&p.To, "to", what+" before this time, or to the end of this day")
}

// Check refuses a period that has no time in it.
func (p *Period) Check(cmd *cobra.Command) error {
	if p.To.IsZero() || p.From.Before(p.To.Time) {
		return nil
	}
	return BadUsage(cmd, errors.New("nothing is after --from and before --to"))
}

// Has reports whether a time is in the period.
func (p *Period) Has(t time.Time) bool {
	return !t.Before(p.From.Time) && (p.To.IsZero() || t.Before(p.To.Time))
}
