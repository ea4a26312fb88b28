package settings

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
)

// options are those of all commands.
type options struct {
	cli.Output
	cli.Confirmation
	network             http.RoundTripper
	stack               string
	file, base, message string
	wait                bool
	limit               int
}

func (o *options) flags(cmd *cobra.Command) {
	stack.Flag(cmd, &o.stack)
	o.JSONFlag(cmd, "print one JSON object for programs")
}

func (o *options) open(cmd *cobra.Command) (*Store, error) {
	s, err := stack.Open(cmd, o.network, o.stack)
	if err != nil {
		return nil, err
	}
	return Open(s)
}

// openCurrent returns the settings of the stack and what is in force.
func (o *options) openCurrent(cmd *cobra.Command) (*Store, Current, error) {
	s, err := o.open(cmd)
	if err != nil {
		return nil, Current{}, err
	}
	current, err := s.Current(cmd.Context())
	return s, current, err
}

func newShowCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "show --stack <stack> [version]",
		Short: "Print the settings in force, or another version",
		Long: `Prints the integration file that is in force to standard output, and whose version it is to
standard error. If the newest version is faulty it does not count: then the faults are
shown, and the file is the newest version that is good. While there is no version at all,
the file is the one built into this program, which the functions have, too, if they were
deployed from the same sources.

Exit codes: 0 the version is good, 1 it is faulty or not there, 2 wrong usage.`,
		Example: `  bridge settings show --stack purchasely-clevertap`,
		Args:    cli.Args(cobra.MaximumNArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.runShow(cmd, cli.First(args)) },
	}
	o.flags(cmd)
	return cmd
}

// shown is what settings show --json prints.
type shown struct {
	Version
	File     string   `json:"file"`
	Rejected *Version `json:"rejected,omitempty"` // the newest version, if it is faulty
	Problems []string `json:"problems"`           // of that
}

func (o *options) runShow(cmd *cobra.Command, id string) error {
	s, err := o.open(cmd)
	if err != nil {
		return err
	}
	var of, newest *Version
	what := "version"
	if id != "" {
		of, err = s.Version(cmd.Context(), id)
		newest = of
	} else {
		var current Current
		current, err = s.Current(cmd.Context())
		of, newest, what = &current.InForce, current.Newest, "in force"
	}
	if err != nil {
		return err
	}
	result := shown{Version: *of, File: string(of.Text), Problems: []string{}}
	if newest != nil && newest.File == nil {
		result.Rejected, result.Problems = newest, newest.problems()
		cmd.PrintErrf("version %s is faulty and does not count:\n", newest.describe())
		cmd.PrintErrf("  %s\n", strings.Join(result.Problems, "\n  "))
	}
	if of != result.Rejected {
		cmd.PrintErrf("%s: %s\n", what, of.describe())
	}
	return o.Conclude(cmd, result, result.File, cli.FindingsIf(result.Rejected != nil))
}

// problems are what is wrong with a version, each in a line.
func (v *Version) problems() []string { return strings.Split(v.Problems.Error(), "\n") }

// describe names a version for people.
func (v *Version) describe() string {
	if v.ID == "" {
		return "the file built into bridge " + cli.Version + ", for the settings are empty"
	}
	text := fmt.Sprintf("%s of %s by %s", v.ID, v.Time.UTC().Format("2 January 2006 15:04:05 UTC"), v.who())
	if v.Message != "" {
		text += ": " + v.Message
	}
	return text
}

// who is the author's name: the last part of an identity such as
// arn:aws:sts::123456789012:assumed-role/Marketing/marie.
func (v *Version) who() string {
	if v.Author == "" {
		return "somebody past bridge"
	}
	return v.Author[strings.LastIndexAny(v.Author, ":/")+1:]
}

func newHistoryCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "history --stack <stack>",
		Short: "List the versions of the settings: when, who, why, and what changed",
		Long: `Lists the versions of the settings, the newest first: when and by whom each was written, the
message that was given with it, and the first thing that it decides otherwise than the good
version before it. The bucket keeps old versions for a year.

Exit codes: 0 the history was read, 1 AWS refused, 2 wrong usage.`,
		Example: `  bridge settings history --stack purchasely-clevertap
  bridge settings history --stack purchasely-clevertap --limit 3 --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.runHistory(cmd) },
	}
	o.flags(cmd)
	cmd.Flags().IntVar(&o.limit, "limit", 20, "how many versions at most")
	return cmd
}

// Entry is a version in the history.
type Entry struct {
	Version
	InForce  bool     `json:"in_force"`
	Faulty   bool     `json:"faulty"`
	Changes  []Change `json:"changes"` // against the good version before
	Problems []string `json:"problems,omitempty"`
}

// Entries returns the newest versions, the newest first, at most so many, each with what it changed.
func (s *Store) Entries(ctx context.Context, most int) ([]Entry, error) {
	versions, err := s.History(ctx, most+1) // one more, to compare the oldest with
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(versions))
	before := BuiltIn()
	for i := len(versions) - 1; i >= 0; i-- {
		v := versions[i]
		entries[i] = Entry{Version: v, Changes: []Change{}}
		switch {
		case v.Deleted:
			v = BuiltIn()
		case v.File == nil:
			entries[i].Faulty, entries[i].Problems = true, v.problems()
			continue
		}
		if before.File != nil && v.File != nil {
			entries[i].Changes = Diff(before.File, v.File)
		}
		before = v
	}
	for i := range entries {
		if !entries[i].Faulty {
			entries[i].InForce = !entries[i].Deleted
			break
		}
	}
	return entries[:min(len(entries), most)], nil
}

func (o *options) runHistory(cmd *cobra.Command) error {
	if o.limit < 1 {
		return cli.Usagef("", "want a limit of 1 or more")
	}
	s, err := o.open(cmd)
	if err != nil {
		return err
	}
	entries, err := s.Entries(cmd.Context(), o.limit)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return o.Print(cmd, entries, "there is no version yet: the file counts that the functions were built with\n")
	}
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.text())
	}
	return o.Print(cmd, entries, b.String())
}

func (e *Entry) text() string {
	line := fmt.Sprintf("%s  %s", e.Time.UTC().Format(time.DateTime), e.ID)
	switch {
	case e.Deleted:
		return line + "\n  deleted: since then the built-in file counted\n"
	case e.Faulty:
		wrong := cli.Quantity(len(e.Problems), "error")
		return fmt.Sprintf("%s\n  by %s\n  faulty, so that it never counted: %s\n", line, e.who(), wrong)
	case e.InForce:
		line += "  in force"
	}
	line += "\n  by " + e.who()
	if e.Message != "" {
		line += ": " + e.Message
	}
	return line + "\n  " + summary(e.Changes) + "\n"
}
