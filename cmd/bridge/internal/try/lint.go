// Package try holds the commands for trying an integration: lint checks its file, sample makes up webhooks, send posts
// them to a receiver, and standin takes CleverTap's place.
//
// It promises that lint runs the code that the forwarder starts with, and that a secret is neither an argument nor
// printed.
package try

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

type lintOptions struct {
	cli.Output
	strict bool
}

// NewLintCommand returns "lint".
func NewLintCommand() *cobra.Command {
	var o lintOptions
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
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	o.JSONFlag(cmd, "print a list of problems for programs")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "exit with 1 on warnings too")
	return cmd
}

func (o *lintOptions) run(cmd *cobra.Command, path string) error {
	path, text, err := cli.ReadIntegrations(path)
	if err != nil {
		return err
	}
	file, problems := integration.Load(path, text)
	found := count(problems, integration.Error) > 0 || o.strict && count(problems, integration.Warning) > 0
	return o.Conclude(cmd, lintProblems(problems), lintText(path, file, problems), cli.FindingsIf(found))
}

func count(problems integration.Problems, s integration.Severity) (n int) {
	for _, p := range problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}

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

func lintProblems(problems integration.Problems) (list []lintProblem) {
	for _, p := range problems {
		list = append(list, lintProblem{p.Severity.String(), p.Path, p.Line, p.Column, p.Where, p.Message, p.Advice})
	}
	return list
}

func lintText(path string, file *integration.File, problems integration.Problems) string {
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
	fmt.Fprintf(&b, "%s: ", path)
	if file != nil {
		fmt.Fprintf(&b, "%s, ", cli.Quantity(len(file.Apps), "app"))
	}
	fmt.Fprintf(&b, "%s, %s, %s\n", cli.Quantity(count(problems, integration.Error), "error"),
		cli.Quantity(count(problems, integration.Warning), "warning"),
		cli.Quantity(count(problems, integration.Hint), "hint"))
	return b.String()
}
