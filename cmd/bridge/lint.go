package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// lintProblem is a problem as --json prints it.
type lintProblem struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Where    string `json:"where"`
	Message  string `json:"message"`
	Advice   string `json:"advice"`
}

func newLintCommand() *cobra.Command {
	var asJSON, strict bool
	cmd := &cobra.Command{
		Use:   "lint [file]",
		Short: "Check an integration file",
		Long: `Checks an integration file, by default the one that is embedded in the functions,
with the code that the forwarder starts with, and shows every problem at once.

Errors stop the forwarder. Warnings and hints do not: a name that the catalogue does
not know may be one that Purchasely has added.

Exit codes: 0 no errors, 1 errors (with --strict also warnings), 2 wrong usage.`,
		Example: `  bridge lint
  bridge lint --strict --json shared/config/integrations.yaml`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, text, err := readIntegrations(first(args))
			if err != nil {
				return err
			}
			file, problems := integration.Load(path, text)
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), lintList(problems))
			} else {
				err = writeText(cmd.OutOrStdout(), problemText(path, file, problems))
			}
			if err != nil {
				return err
			}
			if count(problems, integration.Error) > 0 || strict && count(problems, integration.Warning) > 0 {
				return errFindings
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a list of problems for programs")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with 1 on warnings too")
	return cmd
}

// first is the first argument, "" if there is none.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func count(problems integration.Problems, s integration.Severity) (n int) {
	for _, p := range problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}

// lintList is never nil, so that --json prints [] for a file without problems.
func lintList(problems integration.Problems) []lintProblem {
	list := make([]lintProblem, 0, len(problems))
	for _, p := range problems {
		list = append(list, lintProblem{p.Severity.String(), p.Path, p.Line, p.Column, p.Where, p.Message, p.Advice})
	}
	return list
}

// problemText is the list for people, with a line at the end that counts.
func problemText(path string, file *integration.File, problems integration.Problems) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s:%d:%d: %s: ", p.Path, p.Line, p.Column, p.Severity)
		if p.Where != "" {
			fmt.Fprintf(&b, "%s: ", p.Where)
		}
		fmt.Fprintln(&b, p.Message)
		if p.Advice != "" {
			fmt.Fprintf(&b, "    %s\n", p.Advice)
		}
	}
	if file != nil {
		fmt.Fprintf(&b, "%s: %s, ", path, quantity(len(file.Apps), "app"))
	} else {
		fmt.Fprintf(&b, "%s: ", path)
	}
	fmt.Fprintf(&b, "%s, %s, %s\n", quantity(count(problems, integration.Error), "error"),
		quantity(count(problems, integration.Warning), "warning"), quantity(count(problems, integration.Hint), "hint"))
	return b.String()
}
