package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/sender"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

type fileReplay struct {
	*replay
	files []*file
}

// file is one file of a replay, or standard input.
type file struct {
	path       string // "-" is standard input
	checkpoint *checkpoint
	before     int // webhooks that an earlier run has sent

	// What it holds that is still to be sent; nobody knows of standard input.
	webhooks    int
	bad         int
	shown       []string // the first lines that are no webhooks
	young       int      // may set off campaigns
	first, last time.Time
	becomes     map[difference]int // how many webhooks of an event come to what, under today's settings
	bodies      [][]byte           // of which that is still to be found out
}

func (f *file) isStdin() bool { return f.path == "-" }

// openFiles reads how far earlier runs have come, and all of every file.
func openFiles(r *replay, paths []string) (source, error) {
	if err := cli.RequireApp(r.cmd, r.settings, &r.app); err != nil {
		return nil, err
	}
	all := &fileReplay{replay: r}
	for _, path := range paths {
		f := &file{path: path, becomes: make(map[difference]int)}
		noted := r.checkpoint
		if noted == "" && !f.isStdin() {
			noted = path + ".progress"
		}
		var err error
		if f.checkpoint, err = openCheckpoint(noted, r.options); err != nil {
			return nil, err
		}
		f.before = f.checkpoint.Sent
		if !f.isStdin() {
			if err := all.checkFile(f); err != nil {
				return nil, err
			}
		}
		all.files = append(all.files, f)
	}
	return all, nil
}

// preview shows what is going to be sent. What is no webhook is reported before anything is sent.
func (r *fileReplay) preview() (total int, err error) {
	bad := 0
	for _, f := range r.files {
		r.cmd.PrintErr(f.preview(r.replay))
		bad += f.bad
		total += f.webhooks
	}
	switch {
	case bad > 0 && !r.skipBad:
		return 0, cli.Findingf("fix them, or leave them out with --skip-bad",
			"%s; nothing was sent", cli.Quantity(bad, "faulty line"))
	case r.files[0].isStdin():
		return -1, nil
	}
	return total, nil
}

func (r *fileReplay) send() error {
	for _, f := range r.files {
		if err := r.sendFile(f); err != nil {
			return err
		}
	}
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

// sendFile sends a file page by page, and notes after each how far it has come.
func (r *fileReplay) sendFile(f *file) error {
	in, err := cli.OpenText(r.cmd, f.path)
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	if err := f.checkpoint.save(); err != nil {
		return err // it could not be resumed
	}
	v := newValidator()
	var p page
	for w, err := range f.pending(in) {
		if err != nil {
			return errors.Join(r.sendWebhooks(f, &p), err)
		}
		switch problem := v.problem(w); {
		case problem == "":
			p.add(w, encode(r.app, w.Body, f.checkpoint.Run, r.sender.FIFO()))
		case r.skipBad:
			p.add(w, nil)
		default: // on standard input, which could not be checked before
			bad := cli.Findingf("leave it out with --skip-bad", "line %d: %s", w.Line, problem)
			return errors.Join(r.sendWebhooks(f, &p), bad)
		}
		if len(p.webhooks) == sender.PageSize {
			if err := r.sendWebhooks(f, &p); err != nil {
				return err
			}
		}
	}
	return r.sendWebhooks(f, &p)
}

// sendWebhooks sends a page and notes what was accepted of it. The checkpoint moves up to the first that was not; what
// was accepted after it is noted one by one.
func (r *fileReplay) sendWebhooks(f *file, p *page) error {
	failed, err := r.sendPage(p.messages, func(i int, inOrder bool) {
		f.checkpoint.accept(p.webhooks[i], p.messages[i] == nil, inOrder)
	})
	if err != nil && !errors.Is(err, cli.ErrInterrupted) { // an interrupt has no place in the input
		err = fmt.Errorf("line %d: %w", p.webhooks[failed].Line, err)
	}
	*p = page{}
	return errors.Join(err, f.checkpoint.save())
}

// maxShown is how many lines that are no webhooks are named.
const maxShown = 10

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

// pending are the webhooks of a file that are still to be sent. It is an error if the file is not the one that was
// begun.
func (f *file) pending(in io.Reader) iter.Seq2[stored.Webhook, error] {
	return func(yield func(stored.Webhook, error) bool) {
		c, reader := f.checkpoint, stored.NewReader(in)
		for {
			before := reader.Offset()
			w, err := reader.Next()
			switch {
			case errors.Is(err, io.EOF) && before >= c.Offset:
				return
			case errors.Is(err, io.EOF), err == nil && c.differs(before, w):
				err = cli.Findingf("--restart sends the file from its beginning",
					"%s: the file has changed where it was sent already", f.path)
			case err != nil:
				err = fmt.Errorf("webhooks: %w", err)
			case c.done(w):
				continue
			}
			if !yield(w, err) || err != nil {
				return
			}
		}
	}
}

// checkFile reads all of a file before anything of it is sent.
func (r *fileReplay) checkFile(f *file) error {
	in, err := cli.OpenText(r.cmd, f.path)
	if err != nil {
		return cli.Usagef("name a file with webhooks, or - for standard input", "webhooks: %w", err)
	}
	defer func() { _ = in.Close() }() // it was only read
	v := newValidator()
	for w, err := range f.pending(in) {
		if err != nil {
			return err
		}
		f.add(v, w, r.now)
		if len(f.bodies) == compareAtOnce {
			if err := f.foresee(r.replay); err != nil {
				return err
			}
		}
	}
	return f.foresee(r.replay)
}

// foresee finds out what will become of the webhooks that were read last.
func (f *file) foresee(r *replay) error {
	if len(f.bodies) == 0 {
		return nil
	}
	outcomes, err := r.outcomes(r.app, f.bodies)
	if err != nil {
		return err
	}
	for i, outcome := range outcomes {
		f.becomes[difference{Event: webhook.Peek(f.bodies[i]).EventName, Now: outcome}]++
	}
	f.bodies = nil
	return nil
}

func (f *file) add(v *validator, w stored.Webhook, now time.Time) {
	if problem := v.problem(w); problem != "" {
		if f.bad++; f.bad <= maxShown {
			f.shown = append(f.shown, fmt.Sprintf("line %d: %s", w.Line, problem))
		}
		return
	}
	f.webhooks++
	f.bodies = append(f.bodies, bytes.Clone(w.Body))
	at, ok := v.happened()
	if !ok || now.Sub(at) < campaignWindow {
		f.young++ // without a time it happens when it is sent
	}
	if !ok {
		return
	}
	if f.first.IsZero() || at.Before(f.first) {
		f.first = at
	}
	if at.After(f.last) {
		f.last = at
	}
}

func (f *file) preview(r *replay) string {
	if f.isStdin() {
		return fmt.Sprintf("standard input: webhooks for %s, counted as they are sent\n", r.app)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s for %s", f.path, cli.Quantity(f.webhooks, "webhook"), r.app)
	if !f.first.IsZero() {
		fmt.Fprintf(&b, ", created from %s to %s", f.first.Format(time.DateOnly), f.last.Format(time.DateOnly))
	}
	b.WriteString("\n")
	if f.before > 0 {
		fmt.Fprintf(&b, "  %d more were sent before, up to line %d\n", f.before, f.checkpoint.Line)
	}
	if f.young > 0 {
		fmt.Fprintf(&b, "  %d younger than two hours or without a time: they may set off campaigns\n", f.young)
	}
	if f.webhooks > 0 {
		fmt.Fprintf(&b, "  under today's settings (%s), whatever is known of the people:\n", r.settings.Path)
		writeDifferences(&b, f.becomes, "          and %d more kinds\n")
	}
	for _, line := range f.shown {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if more := f.bad - len(f.shown); more > 0 {
		fmt.Fprintf(&b, "  and %d more that are no webhooks\n", more)
	}
	return b.String()
}

// result is what replay --json prints.
type result struct {
	Sent  int          `json:"sent"`
	Files []fileResult `json:"files"`
}

type fileResult struct {
	File   string `json:"file"`
	Sent   int    `json:"sent"`
	Before int    `json:"before"` // sent by an earlier run
	Bad    int    `json:"bad"`    // left out
	Line   int    `json:"line"`   // the last that is done
}

func (r *fileReplay) report(err error) error {
	var all result
	var b strings.Builder
	for _, f := range r.files {
		c := f.checkpoint
		sent := c.Sent - f.before
		all.Sent += sent
		all.Files = append(all.Files, fileResult{f.path, sent, f.before, c.Bad, c.Line})
		fmt.Fprintf(&b, "%s: %s sent", f.path, cli.Quantity(sent, "webhook"))
		if f.before > 0 {
			fmt.Fprintf(&b, ", %d were before (--restart sends them again)", f.before)
		}
		if c.Bad > 0 {
			fmt.Fprintf(&b, ", %d left out", c.Bad)
		}
		b.WriteString("\n")
	}
	if err != nil && r.files[0].checkpoint.path == "" {
		err = cli.WithHint(err, "what was sent is not noted anywhere: standard input needs --checkpoint for that")
	} else if err != nil {
		err = cli.WithHint(err, "the same command goes on where it stopped")
	}
	return r.Conclude(r.cmd, all, b.String(), err)
}
