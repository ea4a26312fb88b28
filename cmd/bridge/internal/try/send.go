package try

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/receiver"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// secretVariable may hold the shared secret, for scripts.
const secretVariable = "BRIDGE_SHARED_SECRET"

type sendOptions struct {
	cli.Output
	sampleFlags
	network     http.RoundTripper
	stack, app  string
	url, sample string
	secretStdin bool
	wait        time.Duration // 0: the outcome is not waited for
}

// NewSendCommand returns "send". network makes the calls to AWS and the receiver; nil is the real one.
func NewSendCommand(network http.RoundTripper) *cobra.Command {
	o := sendOptions{network: network}
	cmd := &cobra.Command{
		Use:   "send --app <app> --stack <stack> | --url <url> [webhook.json | - | --sample <event>]",
		Short: "Sign webhooks and post them to a receiver",
		Long: `Signs webhooks as Purchasely does, posts them to a receiver one after the other, and
says what came back, with each one's event id and person. It stops at the first that is
not accepted.

With --stack the URL is the deployed stack's, and the shared secret is read from Secrets
Manager. Without it, and with a local AWS (AWS_ENDPOINT_URL), the URL may also be in
BRIDGE_URL, and the secret is read from
BRIDGE_SHARED_SECRET, from standard input with --secret-stdin, or typed at a hidden
prompt; it is never an argument. A URL without a path gets /purchasely/<app>.

A webhook that is sent is processed: it reaches the app's CleverTap project. Each --sample
is an event of its own that happens now; with --seed it is the same event each time. The
same event once more is taken once by a FIFO queue within five minutes; after that, and by
a standard queue, it is delivered again, and CleverTap has it twice. With --wait
the command follows each one through the stack's journal to its outcome, and says what
became of it; --wait=10m waits longer than two minutes.

Exit codes: 0 all were accepted with 200 and, with --wait, delivered or skipped, 1 one was
not, or nobody answered, 2 wrong usage.`,
		Example: `  bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED
  bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED --wait
  bridge send --app demo --url http://127.0.0.1:9902 --sample TRIAL_STARTED --set user_id=anna
  bridge send --app demo --url http://127.0.0.1:9902 events/webhooks/trial-started.json`,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	flags := cmd.Flags()
	stack.Flag(cmd, &o.stack)
	o.JSONFlag(cmd, "print one JSON object a webhook for programs")
	cli.AppFlag(cmd, &o.app, "the app whose receiver is called")
	flags.StringVar(&o.url, "url", "",
		"the receiver's URL, where it is not the stack's (without --stack, and with a local AWS, also BRIDGE_URL)")
	flags.StringVar(&o.sample, "sample", "", "send a made-up webhook of this event")
	_ = cmd.RegisterFlagCompletionFunc("sample", cli.CompleteEvents) // the flag is declared above
	o.declare(cmd)
	flags.BoolVar(&o.secretStdin, "secret-stdin", false, "read the shared secret from standard input")
	flags.DurationVar(&o.wait, "wait", 0, "follow each webhook to its outcome")
	flags.Lookup("wait").NoOptDefVal = defaultWait.String()
	return cmd
}

func (o *sendOptions) run(cmd *cobra.Command, path string) error {
	switch {
	case o.sample != "" && path != "":
		return cli.BadUsage(cmd, errors.New("give a file or --sample, not both"))
	case o.sample == "" && (o.seeded(cmd) || o.set != nil):
		return cli.BadUsage(cmd, errors.New("flags --seed and --set are for --sample"))
	case o.wait != 0 && o.stack == "":
		return cli.BadUsage(cmd, errors.New("flag --wait needs --stack, whose journal has the outcome"))
	case o.secretStdin && o.sample == "" && (path == "" || path == "-"):
		return cli.BadUsage(cmd, errors.New("standard input cannot hold both the webhook and the secret"))
	}
	if err := cli.ChooseApp(cmd, &o.app); err != nil {
		return err
	}
	var s *stack.Stack // nil without --stack
	var err error
	if o.stack != "" {
		if s, err = stack.Open(cmd, o.network, o.stack, stack.WebhookURL, stack.SecretsPrefix); err != nil {
			return err
		}
	}
	target, err := o.target(s)
	if err != nil {
		return err
	}
	bodies, err := o.bodies(cmd, path)
	if err != nil {
		return err
	}
	key, err := o.key(cmd, s)
	if err != nil {
		return err
	}
	var table *dynamo.Table // nil without --wait
	if o.wait != 0 {
		if table, err = openJournal(s, bodies); err != nil {
			return err
		}
	}
	client := receiver.New(o.network, target, key)
	for _, body := range bodies {
		begun := time.Now()
		came, err := client.Post(cmd.Context(), body)
		if err != nil {
			return err
		}
		a := newAnswer(came, body)
		if refused := came.Refusal(); refused != nil {
			err = o.Conclude(cmd, a, a.text(), refused)
		} else if table == nil {
			err = o.Print(cmd, a, a.text())
		} else {
			err = o.follow(cmd, table, a, body, begun)
		}
		if err != nil {
			return err
		}
	}
	if o.sample == "" || o.seeded(cmd) {
		cmd.PrintErrln("Sent once more, the same event is taken once by a FIFO queue within five minutes; " +
			"after that CleverTap has it twice.")
	}
	return nil
}

// seeded reports whether --seed was given, so that the sample is the same event each time.
func (o *sendOptions) seeded(cmd *cobra.Command) bool { return cmd.Flags().Changed("seed") }

// target is where webhooks go. The command line goes before the stack, and the stack before the environment.
func (o *sendOptions) target(s *stack.Stack) (string, error) {
	if s != nil {
		return s.ReceiverURL(o.url, o.app)
	}
	return stack.ReceiverURL(o.url, o.app)
}

func (o *sendOptions) key(cmd *cobra.Command, s *stack.Stack) (secret.Value, error) {
	if s != nil && !o.secretStdin {
		return s.SharedSecret(cmd.Context(), o.app)
	}
	return givenSecret(cmd, o.secretStdin)
}

// givenSecret reads the shared secret: from standard input if told so, else from the environment, else at a hidden
// prompt.
func givenSecret(cmd *cobra.Command, fromStdin bool) (secret.Value, error) {
	text, err := os.Getenv(secretVariable), error(nil)
	switch {
	case fromStdin:
		text, err = bufio.NewReader(cli.NewTextReader(cmd.InOrStdin())).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
	case text != "":
	case !cli.IsTerminal(cmd):
		return secret.Value{}, cli.Usagef("set "+secretVariable+", or give --secret-stdin or --stack",
			"no shared secret is given, and there is no terminal to ask at")
	default:
		text, err = cli.Prompt(cmd, "shared secret: ", true)
	}
	if err != nil {
		return secret.Value{}, err
	}
	if text = secret.Trim(text); text == "" {
		return secret.Value{}, cli.Usagef("", "the shared secret is empty")
	}
	return secret.New(text), nil
}

func (o *sendOptions) bodies(cmd *cobra.Command, path string) ([][]byte, error) {
	if o.sample == "" {
		return cli.ReadWebhooks(cmd, path)
	}
	changes, err := o.changes(cmd)
	if err != nil {
		return nil, err
	}
	var seed *uint64
	if o.seeded(cmd) {
		seed = &o.seed
	}
	body, err := newEvent(o.sample, seed, changes, time.Now())
	return [][]byte{body}, err
}

// answer is what send --json prints.
type answer struct {
	Event        string         `json:"event,omitzero"`
	EventID      string         `json:"event_id,omitzero"`
	UserID       string         `json:"user_id,omitzero"`
	AnonymousID  string         `json:"anonymous_user_id,omitzero"` // without a user id
	Status       int            `json:"status"`
	Answer       jsontext.Value `json:"answer"` // nil if it is not JSON, which no bridge sends
	Milliseconds int64          `json:"milliseconds"`
	Outcome      *journal.Form  `json:"outcome,omitzero"` // with --wait

	line string
}

func newAnswer(came receiver.Answer, body []byte) answer {
	ids := webhook.Peek(body)
	a := answer{
		Event: ids.EventName, EventID: ids.EventID, Status: came.Status, Answer: came.Body,
		Milliseconds: came.Took.Milliseconds(), line: came.String(),
	}
	switch ids.Subscriber.Kind {
	case webhook.ByUser:
		a.UserID = ids.Subscriber.ID
	case webhook.ByAnonymous:
		a.AnonymousID = ids.Subscriber.ID
	}
	return a
}

// text names the webhook, so that it can be found again, and says what came back.
func (a answer) text() string {
	user := "no user"
	if id := cmp.Or(a.UserID, a.AnonymousID); id != "" {
		user = "user " + cli.Printable(id)
	}
	return fmt.Sprintf("%s, event id %s, %s: %s\n", cmp.Or(cli.Printable(a.Event), "no event"),
		cmp.Or(cli.Printable(a.EventID), "none"), user, a.line)
}

// defaultWait is how long an outcome is waited for. A webhook that goes through takes two seconds or three.
const defaultWait = 2 * time.Minute

func openJournal(s *stack.Stack, bodies [][]byte) (*dynamo.Table, error) {
	table, err := journal.Current(s)
	switch {
	case err != nil:
		const hint = "'bridge rejected list' shows what was refused, the dashboard what became of the rest"
		return nil, cli.WithHint(err, hint)
	case slices.ContainsFunc(bodies, func(body []byte) bool { return !journal.CanFollow(body) }):
		return nil, cli.Usagef("leave --wait out",
			"a webhook without an id of a person has no entry in the journal, and cannot be followed")
	}
	return table, nil
}

// follow prints what became of a webhook that was accepted.
func (o *sendOptions) follow(cmd *cobra.Command, table *dynamo.Table, a answer, body []byte, sent time.Time) error {
	if !o.JSON() { // what is known by now
		if err := cli.PrintText(cmd, a.text()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.wait)
	defer cancel()
	entry, err := journal.Follow(ctx, table, o.app, body, sent, func(e journal.Entry) {
		cmd.PrintErrf("attempt %d: not yet, because %s\n", e.Attempt, journal.Because(e.Reason, e.Code))
	})
	switch {
	case cmd.Context().Err() != nil:
		return cli.ErrInterrupted
	case err != nil:
		return stack.Explain(err)
	case entry == nil:
		return o.Conclude(cmd, a, "", o.verdict(nil))
	}
	a.Outcome = new(entry.Form())
	return o.Conclude(cmd, a, "  "+strings.Join(entry.Describe(), "\n  ")+"\n", o.verdict(entry))
}

// verdict is the error that a webhook's outcome ends the command with.
func (o *sendOptions) verdict(e *journal.Entry) error {
	switch {
	case e == nil:
		return cli.Findingf("'bridge user show' says if the person is suppressed, of whom nothing is stored; "+
			"'bridge rejected list' shows what nothing can be made of; --wait=10m waits for longer",
			"the journal has no outcome of it after %s", o.wait)
	case e.Outcome == forward.Rejected.String():
		return cli.ErrFindings
	case e.Outcome == forward.Retried.String():
		return cli.Findingf("the bridge goes on trying: 'bridge user trace' shows it later",
			"it is still on its way after %s", o.wait)
	}
	return nil
}
