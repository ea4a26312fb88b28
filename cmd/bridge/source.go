package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// replay is one run.
type replay struct {
	*replayOptions
	cmd     *cobra.Command
	sender  *sender
	now     time.Time
	bar     *progress
	sources []*source
}

// source is one file of a replay, or standard input.
type source struct {
	path       string // - is standard input
	checkpoint *checkpoint
	survey     survey
	before     int // webhooks that an earlier run has sent
}

// open reads how far an earlier run has come, and all of a file.
func (r *replay) open(path string) (err error) {
	s := &source{path: path}
	noted := r.checkpoint
	if noted == "" && path != "-" {
		noted = path + ".progress"
	}
	if s.checkpoint, err = openCheckpoint(noted, r.stack, r.app, r.restart); err != nil {
		return err
	}
	s.before = s.checkpoint.Sent
	if path != "-" {
		if s.survey, err = surveyFile(r.cmd.Context(), path, s.checkpoint, r.now); err != nil {
			return err
		}
	}
	r.sources = append(r.sources, s)
	return nil
}

// page is a few webhooks on their way; those that are none have no message.
type page struct {
	webhooks []stored.Webhook
	messages []int // places among the outgoing; -1: no webhook
	outgoing []outgoing
}

func (p *page) add(s stored.Webhook, out *outgoing) {
	s.Body = nil // The next one takes its memory.
	p.webhooks = append(p.webhooks, s)
	if out == nil {
		p.messages = append(p.messages, -1)
		return
	}
	p.messages = append(p.messages, len(p.outgoing))
	p.outgoing = append(p.outgoing, *out)
}

func (p *page) reset() {
	p.webhooks, p.messages, p.outgoing = p.webhooks[:0], p.messages[:0], p.outgoing[:0]
}

// send sends a source page by page, and notes after each how far it has come.
func (r *replay) send(s *source) error {
	in := r.cmd.InOrStdin()
	if s.path != "-" {
		file, err := os.Open(s.path)
		if err != nil {
			return fmt.Errorf("webhooks: %w", err)
		}
		defer func() { _ = file.Close() }() // It was only read.
		in = file
	}
	if err := s.checkpoint.save(); err != nil {
		return err // It could not be resumed.
	}
	b, i := stored.NewReader(in), newInspector(r.now)
	var p page
	for {
		before := b.Offset()
		one, err := b.Next()
		switch {
		case errors.Is(err, io.EOF):
			return r.flush(s, &p)
		case err != nil:
			return errors.Join(r.flush(s, &p), fmt.Errorf("webhooks: %w", err))
		case !s.checkpoint.fits(before, one):
			return changed(s.path)
		case s.checkpoint.done(one):
			continue
		}
		problem := i.problem(one)
		switch {
		case problem == "":
			p.add(one, r.message(s, one.Body))
		case r.skipBad:
			p.add(one, nil)
		default: // Standard input, which nobody could look through before.
			return errors.Join(r.flush(s, &p), findingf("leave it out with --skip-bad", "line %d: %s", one.Line, problem))
		}
		if len(p.webhooks) == pageSize {
			if err := r.flush(s, &p); err != nil {
				return err
			}
		}
	}
}

// message makes of a body what the receiver would make of it now. The queue swallows what it has seen in the last five minutes: that must be
// so for what an interrupted run sends twice, and must not for what the user sends once more.
func (r *replay) message(s *source, body []byte) *outgoing {
	glance := webhook.Peek(body)
	m := message.Message{App: r.app, Received: time.Now(), Body: body}
	e := message.Encode(m, glance.Subscriber.Kind.String(), glance.Subscriber.ID, glance.EventID, r.sender.fifo())
	out := outgoing{body: e.Body, group: e.GroupID, attributes: make(map[string]types.MessageAttributeValue, len(e.Attributes))}
	for name, value := range e.Attributes {
		out.attributes[name] = types.MessageAttributeValue{DataType: new("String"), StringValue: &value}
	}
	if out.group != "" {
		id := sha256.Sum256([]byte(s.checkpoint.Run + "\n" + e.DeduplicationID))
		out.unique = hex.EncodeToString(id[:])
	}
	return &out
}

// flush sends a page and notes what was accepted of it. The checkpoint moves up to the first that was not; what was accepted behind it is
// noted one by one.
func (r *replay) flush(s *source, p *page) error {
	defer p.reset()
	if r.cmd.Context().Err() != nil {
		return errInterrupted
	}
	errs := r.sender.send(r.cmd.Context(), p.outgoing)
	var first error
	for i, one := range p.webhooks {
		place := p.messages[i]
		if place >= 0 && errs[place] != nil {
			if first == nil {
				first = at(one.Line, errs[place])
			}
			continue
		}
		if place >= 0 {
			s.checkpoint.Sent++
			r.bar.add(1)
		} else {
			s.checkpoint.Bad++
		}
		if first == nil {
			s.checkpoint.pass(one)
		} else {
			s.checkpoint.Ahead = append(s.checkpoint.Ahead, one.End)
		}
	}
	return errors.Join(first, s.checkpoint.save())
}

// at says where in the input something went wrong. An interrupt has no place.
func at(line int, err error) error {
	if errors.Is(err, errInterrupted) {
		return errInterrupted
	}
	return fmt.Errorf("line %d: %w", line, err)
}
