package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// patienceWithDeed is how long anything may take that an operator waits for.
const patienceWithDeed = 30 * time.Second

// operator does the work that a bridge makes, with the commands that docs/ name.
type operator struct {
	stack   *stack
	shell   *shell
	seen    int      // how many records were at CleverTap when the last wait was over
	arrived []record // those that the last wait was for, and what came with them
}

// operate does a day's work and shows it. It ends at the first step that does not come out as it should.
func operate(ctx context.Context, s *stack, screen *screen) error {
	screen.heading("an operator's day")
	records, err := s.clevertap.records(ctx)
	if err != nil {
		return err
	}
	o := &operator{stack: s, shell: s.shell, seen: len(records)}
	for _, d := range day {
		began, shown := time.Now(), d.what
		if d.line != "" {
			shown = "$ " + s.shell.local(d.line)
		}
		err := o.do(ctx, d)
		screen.deed(shown, time.Since(began), err)
		if err != nil {
			return fmt.Errorf("an operator's day: %w", err)
		}
	}
	return nil
}

// until looks again and again until something is so.
func (o *operator) until(ctx context.Context, what string, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patienceWithDeed, fmt.Errorf("%s: not within %s", what, patienceWithDeed))
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// arrives waits for so many events of a name, and for no more of it.
func arrives(event string, count int) func(context.Context, *operator) error {
	return func(ctx context.Context, o *operator) error {
		return o.until(ctx, "the arrival of "+event, func() (bool, error) {
			records, err := o.stack.clevertap.records(ctx)
			if err != nil {
				return false, err
			}
			o.arrived = records[o.seen:]
			found := 0
			for _, r := range o.arrived {
				if r.Name == event {
					found++
				}
			}
			if found < count {
				return false, nil
			}
			if found > count {
				return false, fmt.Errorf("%d events %s are at CleverTap, want %d", found, event, count)
			}
			o.seen = len(records)
			return true, nil
		})
	}
}

// alone checks that one record arrived last, and nothing with it.
func alone(_ context.Context, o *operator) error {
	if len(o.arrived) != 1 {
		return fmt.Errorf("%d records arrived, want 1", len(o.arrived))
	}
	return nil
}

// logged waits until the forwarder's log has a line of each kind.
func logged(kinds ...func(logLine) bool) func(context.Context, *operator) error {
	return func(ctx context.Context, o *operator) error {
		return o.until(ctx, "the forwarder's log", func() (bool, error) {
			lines, err := o.stack.aws.logs(ctx, "/aws/lambda/"+stackName+"-forwarder")
			if err != nil {
				return false, err
			}
			found := map[int]bool{}
			for _, l := range lines {
				for i, is := range kinds {
					found[i] = found[i] || is(l)
				}
			}
			for i := range kinds {
				if !found[i] {
					return false, nil
				}
			}
			return true, nil
		})
	}
}

// rejected waits for the message that CleverTap refuses, on the rejected queue. Its profile is at CleverTap by then.
func rejected(ctx context.Context, o *operator) error {
	err := o.until(ctx, "the rejected message", func() (bool, error) {
		queues, err := o.stack.aws.messages(ctx)
		return slices.ContainsFunc(queues[o.stack.queue("RejectedQueueUrl")], func(m message) bool {
			return m.Attributes["reason"].Value == refusal
		}), err
	})
	if err != nil {
		return err
	}
	records, err := o.stack.clevertap.records(ctx)
	o.seen = len(records)
	return err
}

// orders tells the stand-in something.
func orders(path, order string) func(context.Context, *operator) error {
	return func(ctx context.Context, o *operator) error { return o.stack.clevertap.order(ctx, "POST", path, order) }
}

// mended ends what the stand-in was told to refuse.
func mended(ctx context.Context, o *operator) error {
	return o.stack.clevertap.order(ctx, "DELETE", "/faults", "")
}

// backfill writes the file that is replayed.
func backfill(_ context.Context, o *operator) error {
	var lines strings.Builder
	for month := 1; month <= 3; month++ {
		fmt.Fprintf(&lines, `{"event_name":"SUBSCRIPTION_RENEWED","event_id":"backfill-%d","event_created_at":"2026-0%d-01T10:00:00.000Z","user_id":"anna",`+
			`"purchase_type":"RENEWING_SUBSCRIPTION","purchasely_subscription_id":"subs_1","subscription_status":"AUTO_RENEWING","environment":"PRODUCTION"}`+"\n", month, month)
	}
	return os.WriteFile(filepath.Join(o.shell.folder, "backfill.jsonl"), []byte(lines.String()), 0o600)
}
