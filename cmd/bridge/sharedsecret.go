package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

// secretVariable may hold the shared secret for scripts.
const secretVariable = "BRIDGE_SHARED_SECRET"

// sharedSecret reads an app's shared secret: from standard input if so told, else from the environment, else at a hidden prompt.
func sharedSecret(cmd *cobra.Command, fromStdin bool) (secret.Value, error) {
	text, err := "", error(nil)
	switch {
	case fromStdin:
		text, err = bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
	case os.Getenv(secretVariable) != "":
		text = os.Getenv(secretVariable)
	default:
		text, err = promptSecret(cmd)
	}
	if err != nil {
		return secret.Value{}, err
	}
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return secret.Value{}, usagef("", "the shared secret is empty")
	}
	return secret.New(text), nil
}

// promptSecret asks at the terminal without showing what is typed. An interrupt ends it and gives the terminal its echo back.
func promptSecret(cmd *cobra.Command) (string, error) {
	file, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return "", usagef("set "+secretVariable+", or give --secret-stdin", "no shared secret is given, and there is no terminal to ask at")
	}
	terminal := int(file.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	cmd.PrintErr("shared secret: ")
	defer cmd.PrintErrln()
	type typed struct {
		text []byte
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		text, err := term.ReadPassword(terminal)
		done <- typed{text, err}
	}()
	select {
	case t := <-done:
		return string(t.text), t.err
	case <-cmd.Context().Done():
		return "", errors.Join(cmd.Context().Err(), term.Restore(terminal, before))
	}
}
