package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
)

// readWebhooks reads the bodies in a file, or from standard input if it is "-" or not named.
func readWebhooks(cmd *cobra.Command, path string) ([][]byte, error) {
	var text []byte
	var err error
	if path == "" || path == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, usagef("name a file with webhooks, or - for standard input", "webhooks: %w", err)
	}
	bodies := stored.Split(text)
	if len(bodies) == 0 {
		return nil, usagef("'bridge sample SUBSCRIPTION_RENEWED' prints a webhook to try", "webhooks: the input is empty")
	}
	return bodies, nil
}
