// Package lint is the command that checks an integration file, and the check that a file has to pass before it is put
// in force.
//
// It runs the code that the forwarder starts with. It promises every problem at once, errors first.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

type options struct {
	cli.Output
	strict bool
}

// NewCommand returns "lint".
func NewCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "lint [file | -]",
		Short: "Check an integration file",
		Long: `Checks an integration file with the code that the forwarder starts with, and shows every
problem at once, errors first. Without a file it checks integrations.yaml or
shared/config/integrations.yaml below the working directory, else the file that is built
into this program; it says which.

Errors stop the forwarder. Warnings do not, and yet are probably mistakes: above all a
name that the catalogue does not have is a typo, or one that Purchasely has added since.
'make deploy' and 'bridge settings put' check strictly: they refuse warnings, too. A new
name that is right is confirmed in the file, beside the name:

  LOYALTY_STARTED: {name: Loyalty Started, known: false}

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

func (o *options) run(cmd *cobra.Command, path string) error {
	name, text, err := cli.ReadIntegrations(cmd, path)
	if err != nil {
		return err
	}
	r := check(name, text)
	end := cli.FindingsIf(r.count(integration.Error) > 0)
	if o.strict && end == nil {
		end = r.refuseWarnings()
	}
	return o.Conclude(cmd, r.list(), r.text(), end)
}

// Strictly checks a file that is going to be put in force. It prints what is wrong, and refuses warnings as well as
// errors.
func Strictly(cmd *cobra.Command, name string, text []byte) (*integration.File, error) {
	r := check(name, text)
	switch err := r.refuseWarnings(); {
	case r.file == nil:
		cmd.PrintErr(r.text())
		return nil, cli.Findingf("", "the integration file has %s", cli.Quantity(r.count(integration.Error), "error"))
	case err != nil:
		cmd.PrintErr(r.text())
		return nil, err
	}
	return r.file, nil
}

// result is what a check has found.
type result struct {
	name     string
	file     *integration.File // nil if there is an error
	problems integration.Problems
}

func check(name string, text []byte) result {
	file, problems := integration.Load(name, text)
	slices.SortStableFunc(problems, func(a, b integration.Problem) int { return cmp.Compare(a.Severity, b.Severity) })
	return result{name, file, problems}
}

func (r result) count(s integration.Severity) (n int) {
	for _, p := range r.problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}

// refuseWarnings says what to do about warnings; nil if there are none.
func (r result) refuseWarnings() error {
	n := r.count(integration.Warning)
	if n == 0 {
		return nil
	}
	return cli.Findingf("correct it; a new name that is right is confirmed beside it, with known: false",
		"the integration file has %s, which a strict check refuses", cli.Quantity(n, "warning"))
}

// problem is a problem as --json prints it.
type problem struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Where    string `json:"where"`
	Message  string `json:"message"`
	Advice   string `json:"advice"`
}

func (r result) list() (list []problem) {
	for _, p := range r.problems {
		list = append(list, problem{p.Severity.String(), p.Path, p.Line, p.Column, p.Where, p.Message, p.Advice})
	}
	return list
}

func (r result) text() string {
	var b strings.Builder
	for _, p := range r.problems {
		fmt.Fprintf(&b, "%s:%d:%d: %s: ", p.Path, p.Line, p.Column, p.Severity)
		if p.Where != "" {
			fmt.Fprintf(&b, "%s: ", p.Where)
		}
		fmt.Fprintln(&b, p.Message)
		if p.Advice != "" {
			fmt.Fprintf(&b, "    %s\n", p.Advice)
		}
	}
	fmt.Fprintf(&b, "%s: ", r.name)
	if r.file != nil {
		fmt.Fprintf(&b, "%s, ", cli.Quantity(len(r.file.Apps), "app"))
	}
	fmt.Fprintf(&b, "%s, %s, %s\n", cli.Quantity(r.count(integration.Error), "error"),
		cli.Quantity(r.count(integration.Warning), "warning"), cli.Quantity(r.count(integration.Hint), "hint"))
	return b.String()
}
