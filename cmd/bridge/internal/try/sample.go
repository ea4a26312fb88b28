// Package try holds the commands for trying an integration: sample makes up webhooks, send posts them to a receiver,
// and fake takes CleverTap's place.
//
// It promises that a secret is neither an argument nor printed.
package try

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// sampleFlags say which made-up webhook of an event it is.
type sampleFlags struct {
	seed uint64
	set  []string // name=value
}

func (f *sampleFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 0, "make up other values; the same seed makes the same again")
	flags.StringArrayVar(&f.set, "set", nil,
		"an attribute's value, as in plan=gold; an empty one leaves the attribute out; may be repeated")
}

// changes are what --set asks for. A name that nobody knows is one of the app's own, or misspelt.
func (f *sampleFlags) changes(cmd *cobra.Command) (list [][2]string, err error) {
	catalogue := webhook.EmbeddedCatalogue()
	for _, text := range f.set {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, cli.BadUsage(cmd, fmt.Errorf("flag --set %q: want name=value", text))
		}
		if catalogue.Attribute([]byte(name)) == nil {
			if near := catalogue.NearestAttribute(name); near != "" {
				cmd.PrintErrf("the catalogue does not know %q; did you mean %s?\n", name, near)
			}
		}
		list = append(list, [2]string{name, value})
	}
	return list, nil
}

type sampleOptions struct {
	sampleFlags
	list  bool
	count uint64
}

// maxSamples is far more than anybody needs at once.
const maxSamples = 1_000_000

// NewSampleCommand returns "sample".
func NewSampleCommand() *cobra.Command {
	var o sampleOptions
	cmd := &cobra.Command{
		Use:   "sample <event> | --list",
		Short: "Print complete, made-up webhooks of an event",
		Long: `Prints a complete webhook of an event as Purchasely would send it. All values are made
up. The same event and seed make the same webhook; with another seed the buyer is another.

With --set an attribute gets the value that you want, as in --set plan=gold; dots lead into
objects, as in --set attribution.utm_source=radio, and --set plan= leaves it out. With
--count it prints many, of as many buyers, one a line: the seed and those that follow.`,
		Example: `  bridge sample SUBSCRIPTION_RENEWED
  bridge sample TRIAL_STARTED --seed 7 --set user_id=anna --set plan=gold
  bridge sample SUBSCRIPTION_RENEWED --count 100
  bridge sample --list`,
		Args: cli.Args(cobra.MaximumNArgs(1)), ValidArgsFunction: cli.CompleteEvents,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, cli.First(args)) },
	}
	o.declare(cmd)
	cmd.Flags().Uint64Var(&o.count, "count", 1, "how many webhooks; more than one are printed one a line")
	cmd.Flags().BoolVar(&o.list, "list", false, "print the events that there are samples of, one a line")
	return cmd
}

func (o *sampleOptions) run(cmd *cobra.Command, event string) error {
	switch {
	case o.list == (event != ""):
		return cli.BadUsage(cmd, errors.New("name an event, or give --list"))
	case o.count < 1 || o.count > maxSamples:
		return cli.BadUsage(cmd, fmt.Errorf("flag --count: want 1 to %d", maxSamples))
	case o.list:
		return cli.PrintText(cmd, eventList())
	}
	changes, err := o.changes(cmd)
	if err != nil {
		return err
	}
	for n := range o.count {
		body, err := makeSample(event, o.seed+n, changes)
		if err != nil {
			return err
		}
		if o.count > 1 {
			line := jsontext.Value(body)
			_ = line.Compact() // it is well formed
			body = append(line, '\n')
		}
		if err := cli.PrintText(cmd, string(body)); err != nil {
			return err
		}
	}
	return nil
}

// makeSample makes up a webhook. The error names the nearest known event.
func makeSample(event string, seed uint64, changes [][2]string) ([]byte, error) {
	catalogue := webhook.EmbeddedCatalogue()
	t := catalogue.Event([]byte(event))
	if t == nil {
		hint := "'bridge sample --list' prints the events"
		if near := catalogue.NearestEvent(event); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, cli.Usagef(hint, "event %q is not in the catalogue", event)
	}
	body := sample.Webhook(t, seed)
	for _, c := range changes {
		body = sample.Change(body, c[0], c[1])
	}
	return sample.Indent(body), nil
}

// eventList is every event that webhooks are expected of, one a line.
func eventList() string {
	var b strings.Builder
	events := webhook.EmbeddedCatalogue().Events
	for i := range events {
		if events[i].Known() {
			b.WriteString(events[i].Name + "\n")
		}
	}
	return b.String()
}

// newEvent makes up a webhook as if it had just happened: at the present time, or CleverTap's campaigns would ignore
// it. Without a seed it has an event id of its own, with one always the same.
func newEvent(event string, seed *uint64, changes [][2]string, now time.Time) ([]byte, error) {
	time := now.UTC().Format("2006-01-02T15:04:05.000Z")
	news := [][2]string{{"event_created_at", time}}
	if seed == nil {
		seed = new(rand.Uint64()) //nolint:gosec // The person is made up.
	}
	if t := webhook.EmbeddedCatalogue().Event([]byte(event)); t != nil && t.Status == "legacy_v2" {
		news = [][2]string{{"received_at", time}} // It has no id.
	}
	body, err := makeSample(event, *seed, append(news, changes...))
	return bytes.TrimSpace(body), err
}
