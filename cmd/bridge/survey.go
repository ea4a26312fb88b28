package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// campaignWindow is how long after it happened an event sets off live campaigns (CleverTap's documentation, November 2026).
	campaignWindow = 2 * time.Hour
	// maxShown is how many lines that are no webhooks are named.
	maxShown = 10
)

// inspector reads webhooks as the forwarder will.
type inspector struct {
	event         webhook.Event
	created, twin int // rows of the catalogue
	now           time.Time
}

func newInspector(now time.Time) *inspector {
	catalogue := webhook.EmbeddedCatalogue()
	return &inspector{
		created: catalogue.Attribute([]byte("event_created_at")).Index,
		twin:    catalogue.Attribute([]byte("event_created_at_ms")).Index,
		now:     now,
	}
}

// problem says why something is no webhook; "" if it is one.
func (i *inspector) problem(s stored.Webhook) string {
	if s.TooLong {
		return fmt.Sprintf("longer than %d bytes, which no message takes", message.MaxBody)
	}
	f := fault.Of(i.event.Read(s.Body))
	switch {
	case f == nil:
		return ""
	case s.Body[0] == '[':
		return "a list; one webhook on each line is wanted"
	case f.Err != nil:
		return f.Err.Error()
	default:
		return string(f.Reason)
	}
}

// happened is when the event that was looked at last happened; ok is false if it does not say.
func (i *inspector) happened() (at time.Time, ok bool) {
	ms, ok := webhook.ParseDate(i.event.Value(i.created))
	if !ok {
		ms, ok = webhook.ParseMillis(i.event.Value(i.twin))
	}
	return time.UnixMilli(ms).UTC(), ok
}

// survey is what a file holds that is still to be sent.
type survey struct {
	webhooks    int
	bad         int
	shown       []string // the first lines that are no webhooks
	young       int      // may set off campaigns
	first, last time.Time
}

// errChanged ends the replay of a file that is not the one that was begun.
var errChanged = errors.New("the file has changed where it was sent already")

// surveyFile reads all of a file before anything of it is sent.
func surveyFile(ctx context.Context, path string, c *checkpoint, now time.Time) (survey, error) {
	file, err := os.Open(path)
	if err != nil {
		return survey{}, usagef("name a file with webhooks, or - for standard input", "webhooks: %w", err)
	}
	defer func() { _ = file.Close() }() // It was only read.
	var v survey
	i, b := newInspector(now), stored.NewReader(file)
	for n := 0; ; n++ {
		before := b.Offset()
		s, err := b.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		switch {
		case err != nil:
			return v, findingf("", "webhooks: %w", err)
		case n%1000 == 0 && ctx.Err() != nil:
			return v, errInterrupted
		case !c.fits(before, s):
			return v, changed(path)
		case !c.done(s):
			v.add(i, s)
		}
	}
	if b.Offset() < c.Offset {
		return v, changed(path)
	}
	return v, nil
}

func changed(path string) error {
	return findingf("--restart sends the file from its beginning", "%s: %w", path, errChanged)
}

func (v *survey) add(i *inspector, s stored.Webhook) {
	if problem := i.problem(s); problem != "" {
		if v.bad++; v.bad <= maxShown {
			v.shown = append(v.shown, fmt.Sprintf("line %d: %s", s.Line, problem))
		}
		return
	}
	v.webhooks++
	at, ok := i.happened()
	if !ok || i.now.Sub(at) < campaignWindow {
		v.young++ // Without a time it happens when it is sent.
	}
	if !ok {
		return
	}
	if v.first.IsZero() || at.Before(v.first) {
		v.first = at
	}
	if at.After(v.last) {
		v.last = at
	}
}

// text is the preview of a file.
func (v *survey) text(path string, c *checkpoint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s for %s", path, quantity(v.webhooks, "webhook"), c.App)
	if !v.first.IsZero() {
		fmt.Fprintf(&b, ", created from %s to %s", v.first.Format(time.DateOnly), v.last.Format(time.DateOnly))
	}
	b.WriteString("\n")
	if c.Sent > 0 {
		fmt.Fprintf(&b, "  %d more were sent before, up to line %d\n", c.Sent, c.Line)
	}
	if v.young > 0 {
		fmt.Fprintf(&b, "  %d younger than two hours or without a time: they may set off campaigns\n", v.young)
	}
	for _, line := range v.shown {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if more := v.bad - len(v.shown); more > 0 {
		fmt.Fprintf(&b, "  and %d more that are no webhooks\n", more)
	}
	return b.String()
}
