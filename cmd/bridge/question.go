package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// questions are put to whoever types at standard input. One reader serves all of them: it may have read ahead.
type questions struct {
	cmd   *cobra.Command
	lines *bufio.Reader
}

func newQuestions(cmd *cobra.Command) *questions {
	return &questions{cmd, bufio.NewReader(cmd.InOrStdin())}
}

// errDeclined ends a command that was not allowed to go on.
var errDeclined = findingf("--yes is for scripts that have nobody to ask", "nothing was done, for nobody said yes")

// confirm asks for a yes. Everything else, and silence, is a no.
func (q *questions) confirm(format string, args ...any) error {
	answer, err := q.ask(fmt.Sprintf(format, args...) + " [y/N] ")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	default:
		return errDeclined
	}
}

// confirmText asks to type a text.
func (q *questions) confirmText(want, format string, args ...any) error {
	answer, err := q.ask(fmt.Sprintf(format, args...) + " ")
	if err == nil && answer != want {
		err = errDeclined
	}
	return err
}

// ask puts a question and waits for a line; an interrupt ends the wait.
func (q *questions) ask(question string) (string, error) {
	q.cmd.PrintErr(question)
	answers := make(chan string, 1)
	go func() {
		line, err := q.lines.ReadString('\n')
		if err != nil {
			q.cmd.PrintErrln() // The question's line is still open.
		}
		answers <- strings.TrimSpace(line)
	}()
	select {
	case answer := <-answers:
		return answer, nil
	case <-q.cmd.Context().Done():
		q.cmd.PrintErrln()
		return "", errInterrupted
	}
}
