package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

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
		if _, ok := terminal(cmd); !ok {
			return secret.Value{}, usagef("set "+secretVariable+", or give --secret-stdin or --stack", "no shared secret is given, and there is no terminal to ask at")
		}
		text, err = prompt(cmd, "shared secret: ", true)
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
