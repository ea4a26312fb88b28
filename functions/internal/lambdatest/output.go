package lambdatest

import (
	"strings"
	"sync"
)

// Output is what the processes of a function have printed.
type Output struct{ Stdout, Stderr Printed }

// Printed collects output; it may be written and read at the same time.
type Printed struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (p *Printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

// String gives everything printed so far.
func (p *Printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}
