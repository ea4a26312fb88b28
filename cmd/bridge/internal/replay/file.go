package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/sender"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
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
		if f.found, err = checkFile(r.cmd.Context(), path, f.checkpoint, r.now); err != nil {
			return err
		}
	}
	r.files = append(r.files, f)
	return nil
}

// page is a few webhooks on their way; a bad one, which is left out, has no message.
type page struct {
	webhooks []stored.Webhook
	indexes  []int // of the webhooks' messages; -1: none
	messages []*stack.Outgoing
}

// add adds a webhook; its message is nil if it is bad.
func (p *page) add(w stored.Webhook, m *stack.Outgoing) {
	w.Body = nil // the next one uses its memory
	p.webhooks = append(p.webhooks, w)
	if m == nil {
		p.indexes = append(p.indexes, -1)
		return
	}
	p.indexes = append(p.indexes, len(p.messages))
	p.messages = append(p.messages, m)
}

func (p *page) reset() {
	p.webhooks, p.indexes, p.messages = p.webhooks[:0], p.indexes[:0], p.messages[:0]
}

// send sends a file page by page, and notes after each how far it has come.
func (r *replay) send(f *file) error {
	in := r.cmd.InOrStdin()
	if !f.isStdin() {
		opened, err := os.Open(f.path)
		if err != nil {
			return fmt.Errorf("webhooks: %w", err)
		}
		defer func() { _ = opened.Close() }() // it was only read
		in = opened
	}
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
			p.add(w, r.encode(f, w.Body))
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

// encode makes of a body the message that the receiver would make of it now. The queue drops what it has seen in the
// last five minutes: it must do so with what an interrupted run sends twice, but not with what the user sends once
// more.
func (r *replay) encode(f *file, body []byte) *stack.Outgoing {
	ids := webhook.Peek(body)
	m := message.Message{App: r.app, Received: time.Now(), Body: body}
	kind, id := ids.Subscriber.Kind.String(), ids.Subscriber.ID
	out := stack.NewOutgoing(message.Encode(m, kind, id, ids.EventID, r.sender.FIFO()))
	if out.GroupID != "" {
		sum := sha256.Sum256([]byte(f.checkpoint.Run + "\n" + out.DeduplicationID))
		out.DeduplicationID = hex.EncodeToString(sum[:])
	}
	return out
}

// sendPage sends a page and notes what was accepted of it. The checkpoint moves up to the first that was not; what was
// accepted after it is noted one by one.
func (r *replay) sendPage(f *file, p *page) error {
	defer p.reset()
	if r.cmd.Context().Err() != nil {
		return cli.ErrInterrupted
	}
	c := f.checkpoint
	errs := r.sender.Send(r.cmd.Context(), p.messages)
	var first error
	for n, w := range p.webhooks {
		switch i := p.indexes[n]; {
		case i < 0:
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
