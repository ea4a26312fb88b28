package try

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// secretVariable may hold the shared secret, for scripts.
	secretVariable = "BRIDGE_SHARED_SECRET"
	// postTimeout is a little longer than Purchasely's, which gives up after 10 s (docs.purchasely.com, webhook,
	// November 2026).
	postTimeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer; the bridge's are under 100 bytes.
	maxAnswer = 4096
)

type sendOptions struct {
	cli.Output
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
says what came back. It stops at the first that is not accepted.

With --stack the URL is the deployed stack's, and the shared secret is read from Secrets
Manager. Without it the URL may also be in BRIDGE_URL, and the secret is read from
BRIDGE_SHARED_SECRET, from standard input with --secret-stdin, or typed at a hidden
prompt; it is never an argument. A URL without a path gets /purchasely/<app>.

A webhook that is sent is processed: it reaches the app's CleverTap project. With --wait
the command follows each one through the stack's journal to its outcome, and says what
became of it; --wait=10m waits longer than two minutes.

Exit codes: 0 all were accepted with 200 and, with --wait, delivered or skipped, 1 one was
not, or nobody answered, 2 wrong usage.`,
		Example: `  bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED
  bridge send --stack purchasely-clevertap --app demo --sample TRIAL_STARTED --wait
  bridge send --app demo --url http://127.0.0.1:4566 --sample TRIAL_STARTED
  bridge send --app demo --url http://127.0.0.1:4566 events/webhooks/trial-started.json`,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	flags := cmd.Flags()
	stack.Flag(cmd, &o.stack)
	o.JSONFlag(cmd, "print one JSON object a webhook for programs")
	cli.AppFlag(cmd, &o.app, "the app whose receiver is called")
	flags.StringVar(&o.url, "url", "",
		"the receiver's URL, where it is not the stack's (without --stack also BRIDGE_URL)")
	flags.StringVar(&o.sample, "sample", "", "send a made-up webhook of this event")
	_ = cmd.RegisterFlagCompletionFunc("sample", cli.CompleteEvents) // the flag is declared above
	flags.BoolVar(&o.secretStdin, "secret-stdin", false, "read the shared secret from standard input")
	flags.DurationVar(&o.wait, "wait", 0, "follow each webhook to its outcome")
	flags.Lookup("wait").NoOptDefVal = defaultWait.String()
	return cmd
}

func (o *sendOptions) run(cmd *cobra.Command, path string) error {
	switch {
	case o.sample != "" && path != "":
		return cli.BadUsage(cmd, errors.New("give a file or --sample, not both"))
	case o.wait != 0 && o.stack == "":
		return cli.BadUsage(cmd, errWaitWithoutStack)
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
	client := newClient(o.network)
	for _, body := range bodies {
		begun := time.Now()
		a, err := post(cmd.Context(), client, target, key, body)
		if err != nil {
			return err
		}
		if refused := a.verdict(); table == nil || refused != nil {
			err = o.Conclude(cmd, a, a.text(), refused)
		} else {
			err = o.follow(cmd, table, a, body, begun)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

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
		text, err = bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
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
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return secret.Value{}, cli.Usagef("", "the shared secret is empty")
	}
	return secret.New(text), nil
}

func (o *sendOptions) bodies(cmd *cobra.Command, path string) ([][]byte, error) {
	if o.sample == "" {
		return cli.ReadWebhooks(cmd, path)
	}
	body, err := newEvent(o.sample, time.Now())
	return [][]byte{body}, err
}

// newClient follows no redirect, because a receiver sends none and the webhook is not for others. Names under
// localhost are this machine also where the resolver does not know them.
func newClient(network http.RoundTripper) *http.Client {
	if network == nil {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		network = transport
	}
	return &http.Client{
		Timeout: postTimeout, Transport: network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is what send --json prints.
type answer struct {
	Status       int            `json:"status"`
	Answer       jsontext.Value `json:"answer"` // nil if it is not JSON, which no bridge sends
	Milliseconds int64          `json:"milliseconds"`
	Outcome      *journal.Form  `json:"outcome,omitzero"` // with --wait
}

// post signs a webhook as of now and posts it.
func post(ctx context.Context, client *http.Client, target string, key secret.Value, body []byte) (answer, error) {
	begin := time.Now()
	stamp := strconv.FormatInt(begin.Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, errors.New("the receiver's URL cannot be used")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Purchasely-Timestamp", stamp)
	request.Header.Set("X-Purchasely-Request-Signature", webhook.Sign(key, stamp, body))
	response, err := client.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return answer{}, cli.Findingf("is the URL right, and is the receiver deployed or 'make run' running?",
			"the receiver does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, cli.Findingf("", "the receiver's answer breaks off: %w", err)
	}
	a := answer{Status: response.StatusCode, Answer: text, Milliseconds: time.Since(begin).Milliseconds()}
	if a.Answer.Compact() != nil {
		a.Answer = nil
	}
	return a, nil
}

func (a answer) text() string {
	said := "and no JSON"
	if a.Answer != nil {
		said = a.Answer.String()
	}
	return fmt.Sprintf("%d %s, after %d ms\n", a.Status, said, a.Milliseconds)
}

// hints say what to do about each reason that a receiver gives.
var hints = map[string]string{
	"unauthorized": "the secret is not the one stored for this app, or TIMESTAMP_TOLERANCE is set and the clocks differ",
	"unknown_app":  "the app is not in the integration file that was deployed",
	"too_large":    "MAX_BODY_BYTES of the receiver is smaller than this webhook",
	"unavailable":  "the queue or the app's secret is out of the receiver's reach; its log says which",
}

// verdict is nil for 200, which alone Purchasely takes as an acknowledgement.
func (a answer) verdict() error {
	if a.Status == http.StatusOK {
		return nil
	}
	var refusal struct {
		Error string `json:"error"`
	}
	hint := "this is no answer of a bridge's receiver; is the URL right?"
	if json.Unmarshal(a.Answer, &refusal) == nil && hints[refusal.Error] != "" {
		hint = hints[refusal.Error]
	}
	return cli.Findingf(hint, "the receiver refused the webhook with %d", a.Status)
}
