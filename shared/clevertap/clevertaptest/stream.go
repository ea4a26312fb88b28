package clevertaptest

import (
	"bytes"
	"context"
	"io"
)

// blanks are what the body of a huge answer begins with.
var blanks = [64 << 10]byte(bytes.Repeat([]byte(" "), 64<<10))

// stream reads an answer's body as it travels: blanks first, slowly if it drips, and cut in the middle if it ends so.
type stream struct {
	reply *reply
	ctx   context.Context
	at    int64
	until int64
}

func (p *reply) stream(ctx context.Context) *stream {
	s := &stream{reply: p, ctx: ctx, until: p.length()}
	if p.end == halfEnd {
		s.until /= 2
	}
	return s
}

// Read gives the next bytes. It finishes the request before it hands out the last of them, so that nobody who has read
// an answer to its end still counts as in flight.
func (s *stream) Read(into []byte) (int, error) {
	p := s.reply
	if s.at == s.until {
		p.finish()
		if p.end == halfEnd {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, io.EOF
	}
	if len(into) == 0 {
		return 0, nil
	}
	if p.drip > 0 {
		if !sleep(s.ctx, p.drip) {
			p.finish()
			return 0, s.ctx.Err()
		}
		into = into[:1]
	}
	rest := blanks[:]
	if s.at < p.blanks {
		rest = rest[:min(int64(len(rest)), p.blanks-s.at)]
	} else {
		rest = p.body[s.at-p.blanks:]
	}
	n := copy(into, rest[:min(int64(len(rest)), s.until-s.at)])
	s.at += int64(n)
	if s.at == p.length() {
		p.finish()
	}
	return n, nil
}

// Close finishes the request, however much was read.
func (s *stream) Close() error {
	s.reply.finish()
	return nil
}
