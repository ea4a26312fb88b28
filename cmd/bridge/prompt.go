package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// terminal gives the terminal that somebody types at, if standard input is one.
func terminal(cmd *cobra.Command) (file *os.File, ok bool) {
	file, ok = cmd.InOrStdin().(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// prompt asks at the terminal for a line, without showing it if it is hidden. An interrupt ends it and gives the terminal its echo back.
func prompt(cmd *cobra.Command, label string, hidden bool) (string, error) {
	file, _ := terminal(cmd)
	number := int(file.Fd())
	before, err := term.GetState(number)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	cmd.PrintErr(label)
	type typed struct {
		text []byte
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		if hidden {
			text, err := term.ReadPassword(number)
			cmd.PrintErrln() // The key's line end is not shown either.
			done <- typed{text, err}
			return
		}
		text, err := readLine(file)
		done <- typed{text, err}
	}()
	select {
	case t := <-done:
		return strings.TrimSpace(string(t.text)), t.err
	case <-cmd.Context().Done():
		cmd.PrintErrln()
		return "", errors.Join(errInterrupted, term.Restore(number, before))
	}
}

// readLine reads no more than a line: what comes behind it is the next answer.
func readLine(in io.Reader) (line []byte, err error) {
	for {
		var b [1]byte
		switch _, err := io.ReadFull(in, b[:]); {
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case err != nil:
			return nil, err
		case b[0] == '\n':
			return line, nil
		}
		line = append(line, b[0])
	}
}
