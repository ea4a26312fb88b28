// Package replay is the command that sends stored webhooks through the queue as if they had just come.
//
// It promises that every webhook of a file is sent once, however often the command is interrupted and repeated, as
// long as what was sent already does not change, and that a user's webhooks stay in their order. CleverTap does not
// deduplicate: whether a webhook should be sent is for the user to know.
package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/sender"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

type options struct {
	cli.Output
	cli.Confirmation
	network                      http.RoundTripper
	stack, app, file, checkpoint string
	rate                         cli.Rate
	skipBad, restart             bool
	journalFlags
}

// NewCommand returns "replay". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	o := options{network: network, rate: sender.DefaultRate}
	cmd := &cobra.Command{
		Use:   "replay --stack <stack> --app <app> <file>… | - | --journal --from <time>",
		Short: "Send stored webhooks through the queue",
		Long: `Sends stored webhook bodies to the events queue as if they had just come: a backfill, or
what another system kept. Files hold one webhook a line, or JSON documents one after the
other; bodies are sent byte for byte. First every file is read and checked; then it
shows what it is going to send, and asks.

How far it has come is noted in <file>.progress (or --checkpoint). The same command goes
on there after an interrupt, and refuses a file that has changed where it was sent
already. Standard input needs --yes, and --checkpoint if it is to be resumed.

CleverTap does not deduplicate: what it has already is stored a second time. Events
younger than two hours may set off campaigns; older ones do not.

With --journal the webhooks are those that the stack's journal has kept, where its
parameter Journal is "bodies": of all apps or one, of some events, of one person. It shows
first how many there are, and which come out differently under today's settings from what
became of them then. Unless a person is named it reads the whole table, twice, which costs
a few cents for a million entries. How far it has come is noted in journal.progress.

Exit codes: 0 all were sent, 1 some were not, or nobody said yes, 2 wrong usage.`,
		Example: `  bridge replay --stack purchasely-clevertap --app demo --yes events/webhooks/trial-started.json
  bridge replay --stack purchasely-clevertap --journal --from 2026-11-21 --to 2026-11-22 --event ACTIVATE --yes
  bridge sample TRIAL_STARTED | bridge replay --stack purchasely-clevertap --app demo --rate 5 --yes --json -`,
		Args: cli.Args(func(cmd *cobra.Command, args []string) error {
			if o.journal {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		}),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	flags := cmd.Flags()
	stack.Flag(cmd, &o.stack)
	cli.FileFlag(cmd, &o.file)
	o.JSONFlag(cmd, "print the result as one JSON object for programs")
	cli.AppFlag(cmd, &o.app, "the app whose webhooks these are; with --journal all apps unless one is named")
	flags.StringVar(&o.checkpoint, "checkpoint", "", "where to note how far it has come (default <file>.progress)")
	flags.Var(&o.rate, "rate", "webhooks per second, 0 for as fast as it goes")
	o.YesFlag(cmd)
	flags.BoolVar(&o.skipBad, "skip-bad", false, "leave out what is no webhook")
	flags.BoolVar(&o.restart, "restart", false, "begin anew, whatever was sent before")
	o.flags(cmd)
	return cmd
}

func (o *options) check(cmd *cobra.Command, paths []string) error {
	switch {
	case o.journal && o.From.IsZero() && o.user == "" && o.anonymous == "":
		return cli.BadUsage(cmd, errors.New("flag --from is missing: from when on are webhooks sent again?"))
	case o.journal:
		return o.Check(cmd)
	case o.used():
		return cli.BadUsage(cmd, errors.New("flags --from, --to, --event, --user and --anonymous go with --journal"))
	case len(paths) > 1 && o.checkpoint != "":
		return cli.BadUsage(cmd, errors.New("flag --checkpoint is for one file"))
	case len(paths) > 1 && slices.Contains(paths, "-"):
		return cli.BadUsage(cmd, errors.New("standard input goes alone"))
	case paths[0] == "-" && !o.Yes():
		return cli.BadUsage(cmd, errors.New("standard input holds the webhooks, so that nobody can be asked: give --yes"))
	}
	return nil
}

// replay is one run of the command.
type replay struct {
	*options
	cmd      *cobra.Command
	stack    *stack.Stack
	settings *integration.File // today's
	sender   *sender.Sender
	now      time.Time
	bar      *cli.Progress
	sandbox  map[string]bool // whether an app's secret has a sandbox account
	unknown  bool            // not for every app, because a secret could not be read
}

// source is where webhooks come from: files, or the journal.
type source interface {
	preview() (total int, err error) // shows what is going to be sent; -1 if nobody knows how many
	send() error
	report(err error) error // prints what became of it, and returns the error that the run ends with
}

func (o *options) run(cmd *cobra.Command, paths []string) error {
	if err := o.check(cmd, paths); err != nil {
		return err
	}
	s, err := stack.Open(cmd, o.network, o.stack, stack.EventsQueue)
	if err != nil {
		return err
	}
	settings, err := s.LoadIntegrations(cmd, o.file)
	if err != nil {
		return err
	}
	r := &replay{
		options: o, cmd: cmd, stack: s, settings: settings, sender: sender.New(s.Queue(stack.EventsQueue, "events"), o.rate),
		now: time.Now(), sandbox: make(map[string]bool),
	}
	var from source
	if o.journal {
		from, err = openJournal(r)
	} else {
		from, err = openFiles(r, paths)
	}
	if err != nil {
		return err
	}
	total, err := from.preview()
	if err != nil {
		return err
	}
	if total != 0 {
		if err := r.ask(total); err != nil {
			return err
		}
	}
	r.bar = cli.NewProgress(cmd, "sending", total)
	err = from.send()
	r.bar.Done()
	return from.report(err)
}

func (r *replay) ask(total int) error {
	pace := r.rate.Pace(total)
	if total < 0 {
		pace, _, _ = strings.Cut(pace, ", which takes")
	}
	r.cmd.PrintErrf("They go to the events queue%s.\n"+
		"CleverTap does not deduplicate: what it has already is stored twice.\n", pace)
	return r.Confirm(r.cmd, fmt.Sprintf("Send %s?", cli.Quantity(total, "webhook")))
}

// sendPage sends messages, of which those that are nil are left out. It says of each that is done whether all before
// it are, too, and returns the first error with the index of its message.
func (r *replay) sendPage(messages []*stack.Outgoing, done func(i int, inOrder bool)) (failed int, err error) {
	ctx := r.cmd.Context()
	if ctx.Err() != nil {
		return 0, cli.ErrInterrupted
	}
	for i, refused := range r.sender.Send(ctx, messages) {
		switch {
		case refused == nil:
			done(i, err == nil)
			if messages[i] != nil {
				r.bar.Add(1)
			}
		case err == nil:
			failed, err = i, refused
		}
	}
	return failed, err
}

// encode makes of a body the message that the receiver would make of it now. The queue drops what it has seen in the
// last five minutes: it must do so with what an interrupted run sends twice, but not with what the user sends once
// more.
func encode(app string, body []byte, run string, fifo bool) *stack.Outgoing {
	ids := webhook.Peek(body)
	out := stack.NewOutgoing(message.Encode(message.Message{App: app, Received: time.Now(), Body: body}, message.IDs{
		SubscriberKind: ids.Subscriber.Kind.String(), Subscriber: ids.Subscriber.ID,
		EventName: ids.EventName, EventID: ids.EventID,
	}, fifo))
	out.Fresh = true // the forwarder looks up whatever was on its way for longer than a moment
	if out.DeduplicationID != "" {
		sum := sha256.Sum256([]byte(run + "\n" + out.DeduplicationID))
		out.DeduplicationID = hex.EncodeToString(sum[:])
	}
	return out
}

// campaignWindow is how long after it happened an event sets off live campaigns (CleverTap's documentation, November
// 2026).
const campaignWindow = 2 * time.Hour
