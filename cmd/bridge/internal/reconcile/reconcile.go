// Package reconcile checks that nothing was lost: that every webhook has an outcome, that CleverTap has what it has
// accepted, and that the hosted integration says the same.
//
// It promises that nothing is changed anywhere, that CleverTap is asked one question at a time, that every difference
// is named with the events' ids as far as anybody knows them, and that no id of a person is in the report.
package reconcile

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
	_ "time/tzdata" // so that --zone works where the machine has no list of time zones

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

type options struct {
	cli.Output
	network          http.RoundTripper
	stack, app, file string
	from, to         cli.Instant
	zone             string
	hostedPrefix     string
	hostedSecret     string
	html, checkpoint string
}

// NewCommand returns "reconcile". network makes the calls to AWS and CleverTap; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network}
	cmd := &cobra.Command{
		Use:   "reconcile --stack <stack> [--app <app>] [--from <day> --to <day>]",
		Short: "Check that nothing was lost, and that CleverTap has what it has accepted",
		Long: `Compares, for whole days, what was queued with what became of it, and what CleverTap has
accepted with what CleverTap counts: events, and the money of Charged. Where they differ it
reads the events and names those that are missing, there twice, or of another price. What
CleverTap has dropped although it had accepted it shows in its Error Stream.

With --hosted-prefix it compares the hosted integration's events with the bridge's, under
the names that the integration file gives these: the totals of every event, and all events
of the last day one by one. Give "" where the hosted integration has no prefix, and
--hosted-secret where it has an account of its own: a secret like an app's clevertap secret.

The days are those of the CleverTap account's time zone. Names and ids of events are in the
report, no id of a person. It only reads, one question at a time: a day of 100,000 events
takes minutes. When it is interrupted, the same command goes on.

Exit codes: 0 all is there, 1 something differs or could not be read, 2 wrong usage.`,
		Example: `  bridge reconcile --stack purchasely-clevertap --app demo --zone Europe/Paris
  bridge reconcile --stack purchasely-clevertap --app demo --from 7d --html report.html
  bridge reconcile --stack purchasely-clevertap --app demo --from 7d --hosted-prefix ""`,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	stack.Flag(cmd, &o.stack)
	cli.AppFlag(cmd, &o.app, "the app whose webhooks are meant")
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print one JSON object for programs")
	flags := cmd.Flags()
	flags.Var(&o.from, "from", "the first day, or how long ago it was (default yesterday)")
	flags.Var(&o.to, "to", "the last day (default yesterday)")
	flags.StringVar(&o.zone, "zone", "UTC", "the time zone of the CleverTap account, such as Europe/Paris")
	flags.StringVar(&o.hostedPrefix, "hosted-prefix", "",
		"compare with the hosted integration, whose events begin with this")
	flags.StringVar(&o.hostedSecret, "hosted-secret", "", "the secret with the hosted integration's account")
	flags.StringVar(&o.html, "html", "", "write the report as a page into this file")
	flags.StringVar(&o.checkpoint, "checkpoint", "reconcile.progress", "where answers are kept until the end")
	return cmd
}

// run is one reconciliation.
type run struct {
	*options
	Report
	cmd      *cobra.Command
	stack    *stack.Stack
	file     *integration.File
	accounts clevertap.Accounts
	asker    *asker
	days     days
	accepted accepted
	seen     map[string]bool // ids of all events that the journal has
}

type days struct {
	from, to query.Day
	zone     *time.Location
}

func (d days) begin() time.Time { return d.from.Begin(d.zone) }
func (d days) end() time.Time   { return d.to.Next().Begin(d.zone) }

func (d days) has(day query.Day) bool { return d.from <= day && day <= d.to }

// maxDays bounds a comparison: counts of CleverTap are by day, and the journal is as old at most.
const maxDays = 92

// readDays reads --from, --to and --zone. A day is one of the zone.
func (o *options) readDays(cmd *cobra.Command) (days, error) {
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return days{}, cli.BadUsage(cmd, fmt.Errorf("flag --zone: %q is no time zone such as Europe/Paris", o.zone))
	}
	yesterday := query.DayOf(time.Now().In(zone).AddDate(0, 0, -1))
	day := func(i cli.Instant) query.Day {
		if i.IsZero() {
			return yesterday
		}
		if t, err := time.Parse(time.DateOnly, i.Text); err == nil {
			return query.DayOf(t)
		}
		return query.DayOf(i.In(zone))
	}
	d := days{day(o.from), day(o.to), zone}
	switch {
	case d.to < d.from:
		err = fmt.Errorf("flag --to: %s is before %s", d.to, d.from)
	case d.begin().After(time.Now()):
		err = fmt.Errorf("flag --from: %s has not begun", d.from)
	case d.end().Sub(d.begin()) > maxDays*24*time.Hour:
		err = fmt.Errorf("at most %d days can be compared at a time", maxDays)
	}
	if err != nil {
		return d, cli.BadUsage(cmd, err)
	}
	return d, nil
}

func (o *options) run(cmd *cobra.Command) error {
	days, err := o.readDays(cmd)
	if err != nil {
		return err
	}
	hosted := cmd.Flags().Changed("hosted-prefix")
	if o.hostedSecret != "" && !hosted {
		return cli.BadUsage(cmd, errors.New("flag --hosted-secret needs --hosted-prefix, which may be empty"))
	}
	r := &run{options: o, cmd: cmd, days: days, seen: make(map[string]bool), accepted: make(accepted)}
	if r.stack, err = stack.Open(cmd, o.network, o.stack, stack.SecretsPrefix, stack.EventsQueue); err != nil {
		return err
	}
	if r.file, err = r.stack.LoadIntegrations(cmd, o.file); err != nil {
		return err
	}
	if err := cli.RequireApp(cmd, r.file, &o.app); err != nil {
		return err
	}
	if r.accounts, err = r.stack.Accounts(cmd.Context(), o.app); err != nil {
		return err
	}
	if r.asker, err = newAsker(o, days); err != nil {
		return err
	}
	r.Report = newReport(o, days, r.accounts.Production.ID)
	if err := r.read(hosted); err != nil {
		if cmd.Context().Err() != nil {
			err = cli.ErrInterrupted
		}
		return cli.WithHint(err, "the same command goes on where it stopped")
	}
	r.asker.forget()
	return r.print()
}

func (r *run) read(hosted bool) error {
	ctx := r.cmd.Context()
	if err := r.readBooks(ctx); err != nil {
		return err
	}
	if err := r.readJournal(ctx); err != nil {
		return err
	}
	if err := r.compareAccepted(ctx); err != nil {
		return err
	}
	if hosted {
		if err := r.compareHosted(ctx); err != nil {
			return err
		}
	}
	r.Requests = r.asker.client.Requests()
	r.conclude()
	return nil
}

func (r *run) print() error {
	if r.html != "" {
		page, err := r.page()
		if err == nil {
			err = os.WriteFile(r.html, page, 0o600)
		}
		if err != nil {
			return cli.Findingf("", "report: %w", err)
		}
		r.cmd.PrintErrf("%s has the report as a page\n", r.html)
	}
	return r.Conclude(r.cmd, r.Report, r.text(), cli.FindingsIf(!r.Verdict.Good))
}
