package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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

const bold, grey, red, green = 1, 2, 31, 32

func (s *screen) paint(colour int, text string) string {
	if !s.colour {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, text)
}

func (s *screen) heading(format string, args ...any) {
	s.print("\n%s\n", s.paint(bold, fmt.Sprintf(format, args...)))
}

func (s *screen) detail(format string, args ...any) {
	s.print("      %s\n", s.paint(grey, fmt.Sprintf(format, args...)))
}

// step shows one step and how long it took.
func (s *screen) step(name string, do func() error) error {
	s.print("  %-58s", name)
	began := time.Now()
	if err := do(); err != nil {
		s.print("%s\n", s.paint(red, "failed"))
		return err
	}
	s.print("%6.1f s\n", time.Since(began).Seconds())
	return nil
}

// webhook shows what the receiver answered to a fixture, what became of it, what reached CleverTap, and how that
// differs from what the fixture wants.
func (s *screen) webhook(name string, got outcome, difference string) {
	mark := s.paint(green, "✓")
	if difference != "" {
		mark = s.paint(red, "✗")
	}
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	}
	_ = json.Unmarshal([]byte(got.Answer), &answer) // The difference shows an answer of another form.
	became := ""
	switch {
	case got.Outcome == "none":
	case got.Reason != "":
		became = " → " + got.Outcome + ": " + got.Reason
	case got.Account != "":
		became = " → " + got.Outcome + " to the " + got.Account + " account"
	default:
		became = " → " + got.Outcome
	}
	s.print("  %s %-31s %d %s%s%s\n", mark, name, got.Status, answer.Status, answer.Error, s.paint(grey, became))
	for _, record := range got.Records {
		s.print("      %s\n", describe(record))
	}
	if difference != "" {
		s.print("      %s\n", s.paint(red, strings.ReplaceAll("- wanted, + got\n"+difference, "\n", "\n      ")))
	}
}

// describe is a record in a line.
func describe(raw rawJSON) string {
	var r struct {
		Type      string                    `json:"type"`
		Identity  string                    `json:"identity"`
		ObjectID  string                    `json:"objectId"`
		EventName string                    `json:"evtName"`
		Event     map[string]jsontext.Value `json:"evtData"`
		Profile   map[string]jsontext.Value `json:"profileData"`
	}
	if json.Unmarshal([]byte(raw), &r) != nil {
		return string(raw)
	}
	of := "identity " + r.Identity
	if r.ObjectID != "" {
		of = "objectId " + r.ObjectID
	}
	name := ""
	if r.EventName != "" {
		name = r.EventName + " with "
	}
	return fmt.Sprintf("%s of %s: %s%d properties", r.Type, of, name, len(r.Event)+len(r.Profile))
}

func (s *screen) summary(sent, failed int, took time.Duration) {
	verdict := s.paint(green, "all as their fixtures say")
	if failed > 0 {
		verdict = s.paint(red, fmt.Sprintf("%d not as they should", failed))
	}
	s.heading("%d webhooks in %s, %s", sent, seconds(took), verdict)
}

// instructions says how to send another webhook while everything is up.
func (s *screen) instructions(stack *stack) {
	url := stack.url + "/purchasely/demo"
	s.print("\nEverything stays up until Ctrl-C. The URL of the demo app, as it would be in Purchasely's console:\n\n"+
		"  %s\n\nSend another webhook in a second terminal:\n\n"+
		"  BRIDGE_SHARED_SECRET=%s %s send --app demo --url %s --sample TRIAL_STARTED\n\n"+
		"See what arrived, and the functions' logs:\n\n", url, sharedSecret, bridgeTool, url)
	if stack.clevertap != nil {
		s.print("  curl -s %s/records\n", stack.clevertap.admin)
	}
	s.print("  SAM_CLI_TELEMETRY=0 AWS_ENDPOINT_URL=%s AWS_DEFAULT_REGION=%s AWS_ACCESS_KEY_ID=test "+
		"AWS_SECRET_ACCESS_KEY=test %s/sam logs --stack-name %s\n", stack.aws.endpoint, region, tools, stackName)
}
