package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json"
)

// screen shows the user what happens. Colours are for terminals only.
type screen struct {
	out    io.Writer
	colour bool
}

func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	return &screen{out: out, colour: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (s *screen) print(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format, args...) }

// paint colours a text: 31 red, 32 green, 2 grey, 1 bold.
func (s *screen) paint(colour int, text string) string {
	if !s.colour {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, text)
}

func (s *screen) heading(format string, args ...any) {
	s.print("\n%s\n", s.paint(1, fmt.Sprintf(format, args...)))
}

func (s *screen) note(format string, args ...any) {
	s.print("      %s\n", s.paint(2, fmt.Sprintf(format, args...)))
}

// step runs one step and shows how long it took.
func (s *screen) step(name string, do func() error) error {
	s.print("  %-58s", name)
	began := time.Now()
	if err := do(); err != nil {
		s.print("%s\n", s.paint(31, "failed"))
		return err
	}
	s.print("%6.1f s\n", time.Since(began).Seconds())
	return nil
}

// webhook shows one fixture: what the receiver answered, what became of it, and what reached CleverTap.
func (s *screen) webhook(f fixture, r result, differences []string) {
	mark := s.paint(32, "✓")
	if len(differences) > 0 {
		mark = s.paint(31, "✗")
	}
	s.print("  %s %-28s %d %s%s\n", mark, f.name, r.status, word(r.answer), s.paint(2, fate(f, r)))
	for _, record := range r.records {
		s.print("      %s\n", wrap(describe(record.Raw), 14))
	}
	for _, line := range differences {
		s.print("      %s\n", s.paint(31, line))
	}
}

// word is the one word of the receiver's answer.
func word(answer []byte) string {
	var a struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return string(bytes.TrimSpace(answer))
	}
	return a.Status + a.Error
}

// fate is what became of a queued webhook.
func fate(f fixture, r result) string {
	switch {
	case r.outcome == "none":
		return ""
	case r.reason != "":
		return " → " + r.outcome + ": " + r.reason
	case r.outcome == "delivered" && f.want.Account != "":
		return " → delivered to the " + f.want.Account + " account"
	default:
		return " → " + r.outcome
	}
}

// trial shows one call that a function's role allows or denies.
func (s *screen) trial(t trial) {
	mark := s.paint(32, "✓")
	if t.Got != t.Want {
		mark = s.paint(31, "✗")
	}
	s.print("  %s %-10s %-40s %s\n", mark, t.Function, t.What, s.paint(2, t.Got))
}

// deed shows one step of an operator's day, and how long it took.
func (s *screen) deed(line string, took time.Duration, err error) {
	mark := s.paint(32, "✓")
	if err != nil {
		mark = s.paint(31, "✗")
	}
	s.print("  %s %s %s\n", mark, line, s.paint(2, sinceStart(took)))
}

// strays shows what should not have happened.
func (s *screen) strays(lines []string) {
	for _, line := range lines {
		s.print("  %s %s\n", s.paint(31, "✗"), line)
	}
}

func (s *screen) summary(sent, failed int, took time.Duration) {
	verdict := s.paint(32, "all as their fixtures say")
	if failed > 0 {
		verdict = s.paint(31, fmt.Sprintf("%d not as they should", failed))
	}
	s.heading("%d webhooks in %s, %s", sent, sinceStart(took), verdict)
}

// invite says how to send another webhook while everything is up.
func (s *screen) invite(stack *stack) {
	url := stack.url + "/purchasely/demo"
	s.print("\nEverything stays up until Ctrl-C. The demo app's URL, in place of the one for Purchasely's console:\n\n  %s\n", url)
	s.print("\nSend another webhook in a second terminal:\n\n")
	s.print("  BRIDGE_SHARED_SECRET=%s %s send --app demo --url %s --sample TRIAL_STARTED\n", sharedSecret, bridgeTool, url)
	s.print("\nSee what arrived, and the functions' logs:\n\n")
	if stack.clevertap != nil {
		s.print("  curl -s %s/records\n", stack.clevertap.admin)
	}
	s.print("  SAM_CLI_TELEMETRY=0 AWS_ENDPOINT_URL=%s AWS_DEFAULT_REGION=%s AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test %s/sam logs --stack-name %s\n",
		stack.aws.endpoint, region, tools, stackName)
}
