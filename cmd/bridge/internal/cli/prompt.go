package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// IsTerminal reports whether somebody types at standard input.
func IsTerminal(cmd *cobra.Command) bool {
	file, ok := cmd.InOrStdin().(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Prompt asks for a line at the terminal, without echo if it is hidden. An interrupt ends it and restores the echo.
func Prompt(cmd *cobra.Command, label string, hidden bool) (string, error) {
	file, ok := cmd.InOrStdin().(*os.File)
	if !ok {
		return "", errors.New("standard input is not a terminal")
	}
	terminal := int(file.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	text, err := readLine(cmd, label, func() (string, error) {
		if !hidden {
			return readByteByByte(file)
		}
		text, err := term.ReadPassword(terminal)
		cmd.PrintErrln() // the typed line end has no echo either
		return string(text), err
	})
	if errors.Is(err, ErrInterrupted) {
		err = errors.Join(err, term.Restore(terminal, before))
	}
	return text, err
}

// readLine shows a label and waits for a line or an interrupt.
func readLine(cmd *cobra.Command, label string, read func() (string, error)) (string, error) {
	type line struct {
		text string
		err  error
	}
	cmd.PrintErr(label)
	typed := make(chan line, 1)
	go func() {
		text, err := read()
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		return strings.TrimSpace(l.text), l.err
	case <-cmd.Context().Done():
		cmd.PrintErrln()
		return "", ErrInterrupted
	}
}

// readByteByByte reads no further than a line's end: what follows is the next answer.
func readByteByByte(in io.Reader) (string, error) {
	var line []byte
	for {
		var b [1]byte
		switch _, err := io.ReadFull(in, b[:]); {
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		case b[0] == '\n':
			return string(line), nil
		}
		line = append(line, b[0])
	}
}

var errDeclined = Findingf("--yes is for scripts that have nobody to ask", "nothing was done, for nobody said yes")

// Confirmation is asked for unless --yes is given.
type Confirmation struct{ yes bool }

// YesFlag declares --yes.
func (c *Confirmation) YesFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.yes, "yes", false, "do not ask")
}

// Yes reports whether --yes was given.
func (c *Confirmation) Yes() bool { return c.yes }

// Confirm asks for a yes on standard input. Everything else, and silence, is a no.
func (c *Confirmation) Confirm(cmd *cobra.Command, question string) error {
	return c.ask(cmd, question+" [y/N] ", func(answer string) bool {
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	})
}

// ConfirmText asks to type a text.
func (c *Confirmation) ConfirmText(cmd *cobra.Command, want, question string) error {
	return c.ask(cmd, question+" ", func(answer string) bool { return answer == want })
}

// ask takes silence for an empty answer.
func (c *Confirmation) ask(cmd *cobra.Command, question string, agrees func(answer string) bool) error {
	if c.yes {
		return nil
	}
	answer, err := readLine(cmd, question, func() (string, error) {
		line, err := readByteByByte(cmd.InOrStdin())
		if err != nil {
			cmd.PrintErrln() // the question's line is still open
		}
		return line, nil
	})
	if err == nil && !agrees(answer) {
		return errDeclined
	}
	return err
}
