// Package cli holds what all commands of bridge share: exit codes, errors with hints, output, questions, flags that
// mean the same everywhere, and the integration file.
//
// It promises that a command line ends with one sentence about what is wrong and, where there is something to do, a
// hint. It knows no AWS and no command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The exit codes.
const (
	OK      = 0
	Finding = 1 // something was found, refused, interrupted or not confirmed
	Usage   = 2 // the command line, or the environment, lacks something
)

// Error is an error with its exit code and a hint, which may be empty.
type Error struct {
	Code int
	Err  error // nil if the output has said everything
	Hint string
}

// Error is the text of the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return "something was found"
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

var (
	// ErrFindings ends a command whose output has said everything.
	ErrFindings = &Error{Code: Finding}
	// ErrInterrupted ends a command that was stopped.
	ErrInterrupted = &Error{Code: Finding, Err: errors.New("interrupted")}
)

// Findingf returns an error with code Finding.
func Findingf(hint, format string, args ...any) error {
	return &Error{Finding, fmt.Errorf(format, args...), hint}
}

// Usagef returns an error with code Usage.
func Usagef(hint, format string, args ...any) error {
	return &Error{Usage, fmt.Errorf(format, args...), hint}
}

// BadUsage marks an error of the command line and points to the command's help.
func BadUsage(cmd *cobra.Command, err error) error {
	return &Error{Usage, err, fmt.Sprintf("'%s --help' shows how it is used", cmd.CommandPath())}
}

// WithHint adds a hint after the one that the error has.
func WithHint(err error, hint string) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Hint != "" {
		hint = e.Hint + "; " + hint
	}
	return &Error{Finding, err, hint}
}

// FindingsIf returns ErrFindings if something was found.
func FindingsIf(found bool) error {
	if found {
		return ErrFindings
	}
	return nil
}

// Pause waits, unless ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ErrInterrupted
	}
}

// Args marks what a check of the arguments finds.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return BadUsage(cmd, err)
		}
		return nil
	}
}

// First is the first argument, empty if there is none.
func First(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// Group returns a command that only holds others.
func Group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use: use, Short: short, Long: long, Args: noCommand, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	group.AddCommand(commands...)
	return group
}

// noCommand refuses what is none of a group's commands, and proposes one that is spelled like it.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return &Error{Usage, err, fmt.Sprintf("did you mean '%s %s'?", cmd.CommandPath(), near[0])}
	}
	return BadUsage(cmd, err)
}

// wanted is what flags of Go's own types take, whose errors are in Go's words.
var wanted = map[string]string{
	"bool": "true or false", "duration": "a duration such as 30s or 5m",
	"int": "a whole number of at most 18 digits", "uint64": "a whole number from 0 on, of at most 19 digits",
}

// wrongFlag refuses a wrong flag, and proposes one that is spelled like an unknown one.
func wrongFlag(cmd *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if want := wanted[invalid.GetFlag().Value.Type()]; want != "" {
			const format = "invalid argument %q for \"--%s\" flag: want %s" // as of the flags of our own types
			err = fmt.Errorf(format, invalid.GetValue(), invalid.GetFlag().Name, want)
		}
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return BadUsage(cmd, err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := webhook.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		return &Error{Usage, err, fmt.Sprintf("did you mean --%s?", near)}
	}
	return BadUsage(cmd, err)
}

// Run executes a command line and returns the exit code.
func Run(ctx context.Context, root *cobra.Command, args []string, in io.Reader, out, errs io.Writer) int {
	root.SetArgs(append([]string{}, args...)) // for nil cobra would take those of the process
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetVersionTemplate("bridge {{.Version}}\n")
	root.SetFlagErrorFunc(wrongFlag)
	return report(root.ExecuteContext(ctx), errs)
}

// report prints what is still to be said of an error and returns its exit code.
func report(err error, errs io.Writer) int {
	if err == nil {
		return OK
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Code: Finding, Err: err}
	}
	if e.Err != nil {
		_, _ = fmt.Fprintln(errs, "bridge:", e.Err)
	}
	if e.Hint != "" {
		_, _ = fmt.Fprintln(errs, "hint:", e.Hint)
	}
	return e.Code
}
