package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

func newSampleCommand() *cobra.Command {
	var list bool
	var seed uint64
	cmd := &cobra.Command{
		Use:   "sample <event> | --list",
		Short: "Print a complete, made-up webhook of an event",
		Long: `Prints a complete webhook of an event as Purchasely would send it. All values are made
up. The same event and seed give the same webhook; another seed tells of another buyer.`,
		Example: `  bridge sample SUBSCRIPTION_RENEWED
  bridge sample TRIAL_STARTED --seed 7
  bridge sample --list`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if list == (len(args) == 1) {
				return usageOf(cmd, errors.New("name an event, or give --list"))
			}
			if list {
				return writeText(cmd.OutOrStdout(), eventList())
			}
			body, err := sampleWebhook(args[0], seed)
			if err != nil {
				return err
			}
			return writeText(cmd.OutOrStdout(), string(body)+"\n")
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 0, "make up other values")
	cmd.Flags().BoolVar(&list, "list", false, "print the events that there are samples of, one a line")
	return cmd
}

// sampleWebhook returns a made-up webhook, or an error with the nearest known name.
func sampleWebhook(event string, seed uint64) ([]byte, error) {
	catalogue := webhook.EmbeddedCatalogue()
	if t := catalogue.Event([]byte(event)); t != nil {
		return sample.Webhook(t, seed), nil
	}
	hint := "'bridge sample --list' prints the events"
	if near := catalogue.NearestEvent(event); near != "" {
		hint = "did you mean " + near + "?"
	}
	return nil, usagef(hint, "event %q is not in the catalogue", event)
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
