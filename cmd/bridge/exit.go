package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	fine    = 0
	finding = 1
	usage   = 2
)

// failure is an error with its exit code and, where there is one, a hint at what to do.
type failure struct {
	code int
	err  error // nil: the findings have been printed already
	hint string
}

// Error is the cause; a finding that was printed already has none.
func (f *failure) Error() string {
	if f.err == nil {
		return "something was found"
	}
	return f.err.Error()
}

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.err }

// errFindings ends a command whose output has told everything.
var errFindings = &failure{code: finding}

// findingf is an error of code 1 with a hint, which may be empty.
func findingf(hint, format string, args ...any) error {
	return &failure{finding, fmt.Errorf(format, args...), hint}
}

// usagef is an error of code 2 with a hint, which may be empty.
func usagef(hint, format string, args ...any) error {
	return &failure{usage, fmt.Errorf(format, args...), hint}
}

// hinted adds a hint to an error behind those that it has.
func hinted(err error, hint string) error {
	if f, ok := errors.AsType[*failure](err); ok && f.hint != "" {
		hint = f.hint + "; " + hint
	}
	return &failure{finding, err, hint}
}

// usageOf marks an error of the command line and points to the command's help.
func usageOf(cmd *cobra.Command, err error) error {
	return &failure{usage, err, fmt.Sprintf("'%s --help' shows how it is used", cmd.CommandPath())}
}

// usageArgs makes a check of the arguments an error of the command line.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageOf(cmd, err)
		}
		return nil
	}
}

// exitCode prints what is still to be said of err and gives the code that it stands for. If that cannot be printed, the code still tells.
func exitCode(err error, errs io.Writer) int {
	if err == nil {
		return fine
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{code: finding, err: err}
	}
	if f.err != nil {
		_, _ = fmt.Fprintln(errs, "bridge:", f.err)
	}
	if f.hint != "" {
		_, _ = fmt.Fprintln(errs, "hint:", f.hint)
	}
	return f.code
}
