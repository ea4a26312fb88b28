package settings

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/lint"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

func newDiffCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "diff --stack <stack> [--file <file>]",
		Short: "Show what a file would change, and put nothing",
		Long: `Shows what an integration file decides otherwise than the settings in force: which setting,
event or property, before and after; and which of the sample webhooks, one of each event,
come out differently for each app. It writes nothing.

Exit codes: 0 nothing changes, 1 something does, or the file is faulty, 2 wrong usage.`,
		Example: `  bridge settings diff --stack purchasely-clevertap
  bridge settings diff --stack purchasely-clevertap --file shared/config/integrations.yaml --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.runDiff(cmd) },
	}
	o.flags(cmd)
	cli.FileFlag(cmd, &o.file)
	return cmd
}

// preview is what a file would change.
type preview struct {
	InForce  Version      `json:"in_force"`
	Changes  []Change     `json:"changes"`
	Webhooks []Comparison `json:"webhooks"`
	Recent   *Recent      `json:"recent,omitempty"`
	same     bool         // byte for byte
}

// newPreview compares a file with what is in force.
func (s *Store) newPreview(cmd *cobra.Command, current Current, file *integration.File, text []byte) (preview, error) {
	p := preview{InForce: current.InForce, same: string(current.InForce.Text) == string(text)}
	if p.InForce.File == nil {
		return p, cli.Findingf("build bridge from sources that 'bridge lint' accepts", "the file built into bridge is faulty")
	}
	p.Changes = Diff(p.InForce.File, file)
	if len(p.Changes) > 0 {
		recent, err := s.Recent(cmd.Context(), p.InForce.File, file)
		if err != nil { // A role that may write settings need not read about people.
			cmd.PrintErrf("the last days' webhooks are not compared: %v\n", err)
		}
		p.Recent = recent
	}
	var err error
	p.Webhooks, err = Compare(cmd.Context(), p.InForce.File, file)
	return p, err
}

// text is a preview for people.
func (p *preview) text() string {
	begin := "in force: " + p.InForce.describe() + "\n"
	switch {
	case p.same:
		return begin + "the file is the same\n"
	case len(p.Changes) == 0:
		return begin + "the file is written otherwise and decides the same\n"
	}
	begin += text(p.Changes) + compared(p.Webhooks)
	if p.Recent != nil {
		begin += p.Recent.text()
	}
	return begin
}

func (o *options) runDiff(cmd *cobra.Command) error {
	name, text, err := cli.ReadIntegrations(cmd, o.file)
	if err != nil {
		return err
	}
	file, err := lint.Strictly(cmd, name, text)
	if err != nil {
		return err
	}
	s, current, err := o.openCurrent(cmd)
	if err != nil {
		return err
	}
	p, err := s.newPreview(cmd, current, file, text)
	if err != nil {
		return err
	}
	return o.Conclude(cmd, p, p.text(), cli.FindingsIf(len(p.Changes) > 0))
}

func newPutCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "put --stack <stack> [--file <file>]",
		Short: "Put an integration file in force, without a deployment",
		Long: `Puts an integration file in force. It checks the file strictly, shows what it changes and
which of the sample webhooks, one of each event, come out differently, asks, and writes
it as the newest version. Webhooks that wait in the queue are mapped by the file in force
when their turn comes. With --wait it follows the forwarder's log until a batch was mapped
by the file, five minutes at most.

It writes only over what it has shown: if somebody else has put a version meanwhile, it
shows that one's changes and writes nothing. --base guards the time before: it names the
version that your file was made from, and any later one is a conflict.

Exit codes: 0 it is written, or was in force before, 1 the file is faulty, somebody else
was faster, nobody said yes, or --wait ended without a batch, 2 wrong usage.`,
		Example: `  bridge settings put --stack purchasely-clevertap
  bridge settings put --stack purchasely-clevertap --file shared/config/integrations.yaml --yes -m summer --json`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.runPut(cmd) },
	}
	o.writeFlags(cmd)
	cli.FileFlag(cmd, &o.file)
	cmd.Flags().StringVar(&o.base, "base", "", "the version that the file was made from")
	return cmd
}

func newRollbackCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "rollback --stack <stack> [version]",
		Short: "Put an older version in force again",
		Long: `Writes an older version of the settings once more, as the newest one, after it has shown what
that changes and asked. Without a version it takes the newest good one that says something
else, and if the newest of all is faulty, the one in force.
'bridge settings history' lists them.

Exit codes: 0 it is written, or was in force before, 1 there is no such version, it is faulty,
somebody else was faster, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge settings rollback --stack purchasely-clevertap`,
		Args:    cli.Args(cobra.MaximumNArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.runRollback(cmd, cli.First(args)) },
	}
	o.writeFlags(cmd)
	return cmd
}

// writeFlags are those of put and rollback.
func (o *options) writeFlags(cmd *cobra.Command) {
	o.flags(cmd)
	o.YesFlag(cmd)
	cmd.Flags().StringVarP(&o.message, "message", "m", "", "why, for the history")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until the forwarder's log has a batch that was mapped by it")
}

// maxMessage is how long a message may be: S3 keeps it in a header, escaped, and takes 2 KiB of such.
const maxMessage = 500

func (o *options) runPut(cmd *cobra.Command) error {
	name, text, err := cli.ReadIntegrations(cmd, o.file)
	switch {
	case err != nil:
		return err
	case name == cli.BuiltIn:
		return cli.Usagef("name a file with --file, or go where it is", "there is no integration file here")
	case o.Yes() || o.file != "-":
	default:
		return cli.Usagef("", "the file comes from standard input, where nobody can say yes: give --yes")
	}
	file, err := lint.Strictly(cmd, name, text)
	if err != nil {
		return err
	}
	s, current, err := o.openCurrent(cmd)
	if err != nil {
		return err
	}
	if o.base != "" && (current.Newest == nil || current.Newest.ID != o.base) {
		base, err := s.Version(cmd.Context(), o.base)
		if err != nil {
			return err
		}
		return conflict(cmd, base, current)
	}
	return o.write(cmd, s, current, file, text)
}

func (o *options) runRollback(cmd *cobra.Command, id string) error {
	s, current, err := o.openCurrent(cmd)
	if err != nil {
		return err
	}
	var v *Version
	if id == "" {
		v, err = s.before(cmd.Context(), current)
	} else {
		v, err = s.Version(cmd.Context(), id)
	}
	switch {
	case err != nil:
		return err
	case v.File == nil:
		cmd.PrintErrf("  %s\n", strings.Join(v.problems(), "\n  "))
		return cli.Findingf(listed, "version %s is faulty", v.ID)
	}
	if o.message == "" {
		o.message = "rollback to " + v.ID
	}
	return o.write(cmd, s, current, v.File, v.Text)
}

// before is the version in force if the newest is faulty, else the newest good one that says something else.
func (s *Store) before(ctx context.Context, current Current) (*Version, error) {
	if current.Newest != nil && current.Newest.File == nil && current.InForce.ID != "" {
		return &current.InForce, nil
	}
	versions, err := s.History(ctx, settings.MaxVersions)
	if err != nil {
		return nil, err
	}
	for i := range versions {
		if v := &versions[i]; v.File != nil && v.Name != current.InForce.Name {
			return v, nil
		}
	}
	return nil, cli.Findingf(listed, "the settings have no good version before")
}

// written is what settings put and rollback print with --json.
type written struct {
	preview
	Written *Version  `json:"written"`       // null if nothing was to be done
	Used    time.Time `json:"used,omitzero"` // with --wait: when a batch was mapped by it
}

// write shows what a file changes, asks, and writes it.
func (o *options) write(cmd *cobra.Command, s *Store, current Current, file *integration.File, text []byte) error {
	switch {
	case len(o.message) > maxMessage:
		return cli.Usagef("", "the message has more than %d bytes", maxMessage)
	case len(text) > settings.MaxBytes:
		return cli.Findingf("", "the file is %w", settings.ErrTooLarge)
	}
	p, err := s.newPreview(cmd, current, file, text)
	if err != nil {
		return err
	}
	result := written{preview: p}
	cmd.PrintErr(p.text())
	if p.same && (current.Newest == nil || current.Newest.File != nil) && current.InForce.ID != "" {
		return o.Print(cmd, result, "nothing to do\n")
	}
	if err := o.Confirm(cmd, "Put it in force on "+s.stack.Name+"?"); err != nil {
		return err
	}
	v, err := s.Put(cmd.Context(), text, current, o.message)
	if errors.Is(err, ErrConflict) {
		later, err := s.Current(cmd.Context())
		if err != nil {
			return err
		}
		return conflict(cmd, &current.InForce, later)
	}
	if err != nil {
		return err
	}
	result.Written = &v
	done := fmt.Sprintf("version %s is written as settings %s: %s\n", v.ID, v.Name, s.effect())
	if !o.wait {
		return o.Print(cmd, result, done)
	}
	cmd.PrintErr(done + "waiting for a batch that is mapped by it\n")
	at, err := s.Await(cmd.Context(), v)
	done = ""
	if err == nil {
		result.Used = at
		done = fmt.Sprintf("a batch was mapped by it %s later\n", at.Sub(v.Time).Round(time.Second))
	}
	return o.Conclude(cmd, result, done, err)
}

// conflict shows what somebody else has changed since a version, and returns the error.
func conflict(cmd *cobra.Command, seen *Version, now Current) error {
	if now.Newest == nil {
		return cli.Findingf(listed, "somebody has deleted the settings meanwhile; nothing was written")
	}
	cmd.PrintErrf("the newest version is %s\n", now.Newest.describe())
	if now.Newest.File == nil {
		cmd.PrintErrf("it is faulty:\n  %s\n", strings.Join(now.Newest.problems(), "\n  "))
	} else if seen.File != nil {
		cmd.PrintErr(text(Diff(seen.File, now.Newest.File)))
	}
	return cli.Findingf("take those changes into your file, and put it again",
		"somebody else has changed the settings meanwhile; nothing was written")
}

const (
	// waitFor is how long a command waits for a batch under new settings.
	waitFor = 5 * time.Minute
	// lookAgain is the pause between two looks at the log.
	lookAgain = 2 * time.Second
)

// Await waits until the forwarder's log says that a batch was mapped by a version, and returns when that was. Before
// that, some webhook has to come.
func (s *Store) Await(ctx context.Context, v Version) (time.Time, error) {
	within, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	for {
		// The lines about rejected settings name those in force, too; so all are read.
		lines, _, err := s.stack.LogLines(within, s.stack.Log("forwarder"), "settings", v.Name, v.Time, time.Now(), 1000)
		if err != nil {
			return time.Time{}, err
		}
		for _, line := range lines {
			var batch struct {
				Message string    `json:"message"`
				At      time.Time `json:"timestamp"`
			}
			if json.Unmarshal([]byte(line), &batch) == nil && batch.Message == "batch" {
				return batch.At, nil
			}
		}
		if err := cli.Pause(within, lookAgain); err != nil {
			if ctx.Err() != nil {
				return time.Time{}, err
			}
			return time.Time{}, cli.Findingf("it is written, and counts for the webhooks that come: 'bridge send' sends one",
				"no batch was mapped by it within %s", waitFor)
		}
	}
}
