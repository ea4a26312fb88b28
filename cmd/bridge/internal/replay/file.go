package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/sender"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// file is one file of a replay, or standard input.
type file struct {
	path       string // "-" is standard input
	checkpoint *checkpoint
	found      preflight // empty for standard input
	before     int       // webhooks that an earlier run has sent
}

func (f *file) isStdin() bool { return f.path == "-" }

// open reads how far an earlier run has come, and all of a file.
func (r *replay) open(path string) (err error) {
	f := &file{path: path}
	noted := r.checkpoint
	if noted == "" && !f.isStdin() {
		noted = path + ".progress"
	}
	if f.checkpoint, err = openCheckpoint(noted, r.stack, r.app, r.restart); err != nil {
		return err
	}
	f.before = f.checkpoint.Sent
	if !f.isStdin() {
		if f.found, err = r.checkFile(path, f.checkpoint); err != nil {
			return err
		}
	}
	r.files = append(r.files, f)
	return nil
}

// page is a few webhooks on their way. The bodies are in the messages; a bad webhook, which is left out, has none.
type page struct {
	webhooks []stored.Webhook
	messages []*stack.Outgoing
}

func (p *page) add(w stored.Webhook, m *stack.Outgoing) {
	p.webhooks, p.messages = append(p.webhooks, w), append(p.messages, m)
}

// send sends a file page by page, and notes after each how far it has come.
func (r *replay) send(f *file) error {
	in, err := cli.OpenText(r.cmd, f.path)
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	if err := f.checkpoint.save(); err != nil {
		return err // it could not be resumed
	}
	reader, v := stored.NewReader(in), newValidator()
	var p page
	for {
		before := reader.Offset()
		w, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return r.sendPage(f, &p)
		case err != nil:
			return errors.Join(r.sendPage(f, &p), fmt.Errorf("webhooks: %w", err))
		case f.checkpoint.differs(before, w):
			return errChanged(f.path)
		case f.checkpoint.done(w):
			continue
		}
		problem := v.problem(w)
		switch {
		case problem == "":
			p.add(w, encode(r.app, w.Body, f.checkpoint.Run, r.sender.FIFO()))
		case r.skipBad:
			p.add(w, nil)
		default: // on standard input, which could not be checked before
			bad := cli.Findingf("leave it out with --skip-bad", "line %d: %s", w.Line, problem)
			return errors.Join(r.sendPage(f, &p), bad)
		}
		if len(p.webhooks) == sender.PageSize {
			if err := r.sendPage(f, &p); err != nil {
				return err
			}
		}
	}
}

// sendPage sends a page and notes what was accepted of it. The checkpoint moves up to the first that was not; what was
// accepted after it is noted one by one.
func (r *replay) sendPage(f *file, p *page) error {
	defer func() { *p = page{} }()
	if r.cmd.Context().Err() != nil {
		return cli.ErrInterrupted
	}
	c := f.checkpoint
	errs := r.sender.Send(r.cmd.Context(), p.messages)
	var first error
	for i, w := range p.webhooks {
		switch {
		case p.messages[i] == nil:
			c.Bad++
		case errs[i] == nil:
			c.Sent++
			r.bar.Add(1)
		default:
			if first == nil {
				first = atLine(w.Line, errs[i])
			}
			continue
		}
		if first == nil {
			c.moveBehind(w)
		} else {
			c.Ahead = append(c.Ahead, w.End)
		}
	}
	return errors.Join(first, c.save())
}

// atLine says where in the input something went wrong. An interrupt has no place.
func atLine(line int, err error) error {
	if errors.Is(err, cli.ErrInterrupted) {
		return cli.ErrInterrupted
	}
	return fmt.Errorf("line %d: %w", line, err)
}

const (
	// campaignWindow is how long after it happened an event sets off live campaigns (CleverTap's documentation,
	// November 2026).
	campaignWindow = 2 * time.Hour
	// maxShown is how many lines that are no webhooks are named.
	maxShown = 10
)

// validator reads webhooks as the forwarder will.
type validator struct {
	event           webhook.Event
	created, millis int // rows of the catalogue
}

func newValidator() *validator {
	catalogue := webhook.EmbeddedCatalogue()
	return &validator{
		created: catalogue.Attribute([]byte("event_created_at")).Index,
		millis:  catalogue.Attribute([]byte("event_created_at_ms")).Index,
	}
}

// problem says why something is no webhook; empty if it is one.
func (v *validator) problem(w stored.Webhook) string {
	if w.TooLong {
		return fmt.Sprintf("longer than %d bytes, which no message takes", message.MaxBody)
	}
	f := fault.Of(v.event.Read(w.Body))
	switch {
	case f == nil:
		return ""
	case w.Body[0] == '[':
		return "a list; one webhook on each line is wanted"
	case f.Err != nil:
		return f.Err.Error()
	default:
		return string(f.Reason)
	}
}

// happened is when the last event happened; ok is false if it does not say.
func (v *validator) happened() (at time.Time, ok bool) {
	ms, ok := webhook.ParseDate(v.event.Value(v.created))
	if !ok {
		ms, ok = webhook.ParseMillis(v.event.Value(v.millis))
	}
	return time.UnixMilli(ms).UTC(), ok
}

// preflight is what a file holds that is still to be sent.
type preflight struct {
	webhooks    int
	bad         int
	shown       []string // the first lines that are no webhooks
	young       int      // may set off campaigns
	first, last time.Time
	becomes     map[difference]int // how many webhooks of an event come to what, under today's settings
	bodies      [][]byte           // of which that is still to be found out
}

// errChanged ends the replay of a file that is not the one that was begun.
func errChanged(path string) error {
	return cli.Findingf("--restart sends the file from its beginning",
		"%s: the file has changed where it was sent already", path)
}

// checkFile reads all of a file before anything of it is sent.
func (r *replay) checkFile(path string, c *checkpoint) (preflight, error) {
	found := preflight{becomes: make(map[difference]int)}
	file, err := cli.OpenText(r.cmd, path)
	if err != nil {
		return found, cli.Usagef("name a file with webhooks, or - for standard input", "webhooks: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	v, reader := newValidator(), stored.NewReader(file)
	for {
		before := reader.Offset()
		w, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF) && reader.Offset() < c.Offset:
			return found, errChanged(path)
		case errors.Is(err, io.EOF):
			return found, found.foresee(r)
		case err != nil:
			return found, cli.Findingf("", "webhooks: %w", err)
		case c.differs(before, w):
			return found, errChanged(path)
		case !c.done(w):
			found.add(v, w, r.now)
		}
		if len(found.bodies) == compareAtOnce {
			if err := found.foresee(r); err != nil {
				return found, err
			}
		}
	}
}

// foresee finds out what will become of the webhooks that were read last.
func (p *preflight) foresee(r *replay) error {
	if r.cmd.Context().Err() != nil {
		return cli.ErrInterrupted
	}
	if len(p.bodies) == 0 {
		return nil
	}
	results, err := explain.Results(r.cmd.Context(), r.settings, r.app, p.bodies, time.Now(), r.sandbox)
	if err != nil {
		return err
	}
	for i, result := range results {
		p.becomes[difference{Event: webhook.Peek(p.bodies[i]).EventName, Now: outcomeNow(result)}]++
	}
	p.bodies = nil
	return nil
}

func (p *preflight) add(v *validator, w stored.Webhook, now time.Time) {
	if problem := v.problem(w); problem != "" {
		if p.bad++; p.bad <= maxShown {
			p.shown = append(p.shown, fmt.Sprintf("line %d: %s", w.Line, problem))
		}
		return
	}
	p.webhooks++
	p.bodies = append(p.bodies, bytes.Clone(w.Body))
	at, ok := v.happened()
	if !ok || now.Sub(at) < campaignWindow {
		p.young++ // without a time it happens when it is sent
	}
	if !ok {
		return
	}
	if p.first.IsZero() || at.Before(p.first) {
		p.first = at
	}
	if at.After(p.last) {
		p.last = at
	}
}

func (f *file) preview(r *replay) string {
	if f.isStdin() {
		return fmt.Sprintf("standard input: webhooks for %s, counted as they are sent\n", r.app)
	}
	p, c := &f.found, f.checkpoint
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s for %s", f.path, cli.Quantity(p.webhooks, "webhook"), r.app)
	if !p.first.IsZero() {
		fmt.Fprintf(&b, ", created from %s to %s", p.first.Format(time.DateOnly), p.last.Format(time.DateOnly))
	}
	b.WriteString("\n")
	if c.Sent > 0 {
		fmt.Fprintf(&b, "  %d more were sent before, up to line %d\n", c.Sent, c.Line)
	}
	if p.young > 0 {
		fmt.Fprintf(&b, "  %d younger than two hours or without a time: they may set off campaigns\n", p.young)
	}
	if p.webhooks > 0 {
		fmt.Fprintf(&b, "  under today's settings (%s), whatever is known of the people:\n", r.settings.Path)
		list := mostFirst(p.becomes)
		for _, d := range list[:min(len(list), maxDifferences)] {
			fmt.Fprintf(&b, "  %6d  %s: %s\n", d.Webhooks, d.Event, d.Now)
		}
		if more := len(list) - maxDifferences; more > 0 {
			fmt.Fprintf(&b, "          and %d more kinds\n", more)
		}
	}
	for _, line := range p.shown {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if more := p.bad - len(p.shown); more > 0 {
		fmt.Fprintf(&b, "  and %d more that are no webhooks\n", more)
	}
	return b.String()
}
