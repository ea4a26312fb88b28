package main

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// writeJSON prints v on one line. Raw values keep their bytes: what explain shows is what would be sent.
func writeJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.PreserveRawStrings(true),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return writeText(w, string(text)+"\n")
}

// printResult prints what a command came to, for programs or for people.
func printResult(cmd *cobra.Command, asJSON bool, result any, text string) error {
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), result)
	}
	return writeText(cmd.OutOrStdout(), text)
}

// writeText prints a text at once, so that there is one error to tell.
func writeText(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// quantity is a number with its noun: 1 error, 2 errors.
func quantity(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
