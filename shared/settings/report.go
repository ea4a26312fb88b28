package settings

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/metric"
)

// Reporter tells people what a Store finds.
type Reporter interface {
	// Rejected is called at every refresh that finds a faulty newest version.
	Rejected(ctx context.Context, r Rejected)
	// OutOfReach is called at every refresh that fails. inForce is the name of what counts meanwhile, empty if nobody
	// knows.
	OutOfReach(ctx context.Context, err error, inForce string)
}

// Bounds of a line in the log. Who wants to see more runs the linter.
const (
	maxProblems     = 50
	maxProblemBytes = 500
)

// reporter is the Reporter of a function.
type reporter struct {
	log     *slog.Logger
	metrics io.Writer
}

// Rejected logs the problems of a version once in each process, and counts it every time, so that the alarm rings as
// long as it is the newest.
func (p reporter) Rejected(ctx context.Context, r Rejected) {
	if !r.Known {
		p.log.LogAttrs(ctx, slog.LevelError, "settings rejected", slog.String("version", r.Version),
			slog.Any("problems", problems(r.Err)), slog.String("settings", r.InForce))
	}
	var metrics metric.Set
	metrics.Add(metric.UnknownApp, metric.SettingsRejected, 1) // They are no single app's.
	if err := metrics.Write(p.metrics, time.Now()); err != nil {
		p.log.WarnContext(ctx, "metrics not written")
	}
}

// problems are the lines of an error, as far as they fit into a line of the log.
func problems(err error) []string {
	lines := strings.Split(err.Error(), "\n")
	if more := len(lines) - maxProblems; more > 0 {
		lines = append(lines[:maxProblems], fmt.Sprintf("and %d more", more))
	}
	for i, line := range lines {
		if len(line) > maxProblemBytes {
			lines[i] = strings.ToValidUTF8(line[:maxProblemBytes], "") + "…"
		}
	}
	return lines
}

// OutOfReach logs the cause. While something is in force, that may pass by itself, unless a person has to act.
func (p reporter) OutOfReach(ctx context.Context, err error, inForce string) {
	f, level := fault.Of(err), slog.LevelWarn
	if inForce == "" || f.Kind == fault.Operator {
		level = slog.LevelError
	}
	p.log.LogAttrs(ctx, level, "settings out of reach", append(f.Attrs(), slog.String("settings", inForce))...)
}
