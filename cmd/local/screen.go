package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// screen shows the user what happens. Colours are for terminals only.
type screen struct {
	out    io.Writer
	colour bool
	wrong  int // how much of what it showed is not right
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

// result shows in a line what came of something.
func (s *screen) result(name, came string, right bool) {
	mark := s.paint(green, "✓")
	if !right {
		mark = s.paint(red, "✗")
		s.wrong++
	}
	s.print("  %s %-31s %s\n", mark, name, came)
}

// block shows lines that belong to what is above them.
func (s *screen) block(colour int, text string) {
	for line := range strings.Lines(text) {
		s.print("      %s\n", s.paint(colour, strings.TrimRight(line, "\n")))
	}
}

// compare shows in a line what came of something, and below it how that differs from what was wanted.
func (s *screen) compare(name, came string, want, got any) {
	difference := cmp.Diff(want, got)
	s.result(name, came, difference == "")
	if difference != "" {
		s.block(red, "- wanted, + got\n"+difference)
	}
}

// became says what became of a webhook.
func became(event string, got outcome) string {
	switch {
	case got.Outcome == "none":
		var answer struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal([]byte(got.Answer), &answer) // The difference shows an answer of another form.
		return strings.TrimSpace(fmt.Sprintf("refused: %d %s", got.Status, answer.Error))
	case got.Reason != "":
		return got.Outcome + ": " + got.Reason
	case got.Outcome != "delivered":
		return got.Outcome
	}
	var records []string
	for _, raw := range got.Records {
		records = append(records, describe(raw, event))
	}
	text := strings.Join(records, ", ")
	if got.Account == "sandbox" {
		text = "sandbox account: " + text
	}
	return text
}

// describe names a record and the few values of it that matter most. An event that has the webhook's name is named
// once.
func describe(raw rawJSON, event string) string {
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
	text := r.Type
	if r.EventName != event {
		text = strings.TrimSpace(text + " " + r.EventName)
	}
	if r.Type == "profile" {
		text += " " + short(r.Identity+r.ObjectID)
	}
	var values []string
	add := func(of map[string]jsontext.Value, name, format string) {
		if value := readable(of[name]); value != "" {
			values = append(values, fmt.Sprintf(format, value))
		}
	}
	if r.EventName == "Charged" {
		add(r.Event, "Amount", "%s "+readable(r.Event["Currency"]))
	}
	if active := r.Profile["has_active_subscription"]; active != nil {
		values = append(values, map[bool]string{true: "active", false: "not active"}[active.Kind() == 't'])
	}
	add(r.Profile, "plan", "%s")
	add(r.Profile, "effective_next_renewal_at", "until %s")
	if values != nil {
		text += " (" + strings.Join(values, ", ") + ")"
	}
	return text
}

// short is an id that leaves room for the rest of the line.
func short(id string) string {
	if runes := []rune(id); len(runes) > 20 {
		return string(runes[:13]) + "…"
	}
	return id
}

// readable is a value without quotes, and a date of CleverTap's as a day.
func readable(value jsontext.Value) string {
	text := strings.Trim(string(value), `"`)
	if epoch, ok := strings.CutPrefix(text, "$D_"); ok {
		if n, err := strconv.ParseInt(epoch, 10, 64); err == nil {
			return time.Unix(n, 0).UTC().Format(time.DateOnly)
		}
	}
	return text
}

func (s *screen) summary(events int, took time.Duration) {
	verdict := s.paint(green, "all as their fixtures say")
	if events == 1 {
		verdict = s.paint(green, "as its fixture says")
	}
	if s.wrong > 0 {
		verdict = s.paint(red, fmt.Sprintf("%d not as they should be", s.wrong))
	}
	s.heading("%d of events/ in %s, %s", events, seconds(took), verdict)
}
