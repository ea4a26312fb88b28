package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operatorStep is a line of an operator's day: a heading (#), something that is typed ($), or something that happens
// elsewhere or is waited for (>).
type operatorStep struct {
	line  string   // with that first character
	input string   // what is typed at its questions: the lines below it that begin with <
	exit  int      // its exit code: the line below it that begins with exit
	shows []string // what it shows, among other things: all other lines below it
}

// operatorDay is what goes wrong with a bridge, and what an operator does then, with the commands of docs/guide.
//
//go:embed day.txt
var operatorDay string

//go:embed backfill.jsonl
var backfill []byte

func operatorSteps() (steps []operatorStep) {
	for line := range strings.Lines(operatorDay) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
		case strings.ContainsRune("#$>", rune(line[0])):
			steps = append(steps, operatorStep{line: line})
		case line[0] == '<':
			steps[len(steps)-1].input += line[2:] + "\n"
		case strings.HasPrefix(line, "exit "):
			steps[len(steps)-1].exit = int(line[5] - '0')
		default:
			steps[len(steps)-1].shows = append(steps[len(steps)-1].shows, line)
		}
	}
	return steps
}

// day is how far an operator's day has come.
type day struct {
	*stack
	seen int // how many records were at CleverTap after the last wait
}

// operate does an operator's day, and shows every command with what it prints.
func (s *stack) operate(ctx context.Context) error {
	records, err := s.clevertap.records(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(shellFolder, "backfill.jsonl"), backfill, 0o600); err != nil {
		return err
	}
	s.screen.heading("An operator's day")
	d := &day{s, len(records)}
	for _, step := range operatorSteps() {
		if step.line[0] == '#' {
			s.screen.heading("%s", strings.TrimPrefix(step.line, "# "))
			continue
		}
		s.screen.print("  %s\n", s.screen.paint(bold, s.local(step.line)))
		shown, err := d.do(ctx, step)
		s.screen.block(0, shown)
		if err != nil {
			return fmt.Errorf("%s: %w", step.line, err)
		}
	}
	return nil
}

// do does a step and returns what a command of it shows.
func (d *day) do(ctx context.Context, step operatorStep) (shown string, err error) {
	words := append(strings.SplitN(step.line, " ", 4), "")
	switch words[1] {
	case "POST", "DELETE":
		return "", d.clevertap.ask(ctx, words[1], words[2], words[3], nil)
	case "arrives":
		return "", poll(ctx, 30*time.Second, func() (bool, error) { return d.arrives(ctx, words[2], words[3]) })
	case "is":
		return "", poll(ctx, 30*time.Second, func() (bool, error) { return d.failed(ctx, words[2], words[3]) })
	}
	shown, exit, err := d.shell(ctx, step.line[2:], step.input)
	if err == nil && exit != step.exit {
		err = fmt.Errorf("exit code %d, want %d", exit, step.exit)
	}
	for _, want := range step.shows {
		if err == nil && !strings.Contains(shown, want) {
			err = fmt.Errorf("does not show %q", want)
		}
	}
	return shown, err
}

// arrives reports whether so many events of a name have arrived since the last wait, "3", or nothing else, "1 alone".
func (d *day) arrives(ctx context.Context, name, count string) (bool, error) {
	all, err := d.clevertap.records(ctx)
	if err != nil {
		return false, err
	}
	digits, alone := strings.CutSuffix(count, " alone")
	want, err := strconv.Atoi(digits)
	found := 0
	for _, r := range all[d.seen:] {
		if r.Name == name {
			found++
		}
	}
	if found > want || alone && len(all) > d.seen+want {
		return false, fmt.Errorf("%d records arrived, %d of them %s", len(all)-d.seen, found, name)
	}
	if found == want {
		d.seen = len(all)
	}
	return found == want, err
}

// failed reports whether a message is retried, rejected or skipped for a reason. What was accepted of it is at
// CleverTap by then.
func (d *day) failed(ctx context.Context, how, reason string) (bool, error) {
	queues, err := d.aws.messages(ctx)
	if err != nil {
		return false, err
	}
	lines, err := d.aws.forwarderLog(ctx)
	if err != nil {
		return false, err
	}
	logged := func(outcome string) bool {
		return slices.ContainsFunc(lines, func(l logLine) bool { return l.Outcome == outcome && l.Reason == reason })
	}
	if how == "skipped" { // nothing of it arrives
		return logged(how), nil
	}
	records, err := d.clevertap.records(ctx)
	d.seen = len(records)
	if how == "rejected" {
		return slices.ContainsFunc(queues[d.queue("RejectedQueueUrl")], func(m message) bool {
			return m.Attributes["reason"].Value == reason
		}), err
	}
	counted := slices.ContainsFunc(lines, func(l logLine) bool { return l.App == "demo" && l.CredentialsRefused > 0 })
	return logged("retry") && counted, err
}
