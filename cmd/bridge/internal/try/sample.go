// Package try holds the commands for trying an integration: sample makes up webhooks, send posts them to a receiver,
// and fake takes CleverTap's place.
//
// It promises that a secret is neither an argument nor printed.
package try

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// NewSampleCommand returns "sample".
func NewSampleCommand() *cobra.Command {
	var list bool
	var seed uint64
	cmd := &cobra.Command{
		Use:   "sample <event> | --list",
		Short: "Print a complete, made-up webhook of an event",
		Long: `Prints a complete webhook of an event as Purchasely would send it. All values are made
up. The same event and seed make the same webhook; with another seed the buyer is another.`,
		Example: `  bridge sample SUBSCRIPTION_RENEWED
  bridge sample TRIAL_STARTED --seed 7
  bridge sample --list`,
		Args: cli.Args(cobra.MaximumNArgs(1)), ValidArgsFunction: cli.CompleteEvents,
		RunE: func(cmd *cobra.Command, args []string) error {
			if list == (len(args) == 1) {
				return cli.BadUsage(cmd, errors.New("name an event, or give --list"))
			}
			if list {
				return cli.PrintText(cmd, eventList())
			}
			body, err := makeSample(args[0], seed)
			if err != nil {
				return err
			}
			return cli.PrintText(cmd, string(body)+"\n")
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 0, "make up other values")
	cmd.Flags().BoolVar(&list, "list", false, "print the events that there are samples of, one a line")
	return cmd
}

// makeSample makes up a webhook. The error names the nearest known event.
func makeSample(event string, seed uint64) ([]byte, error) {
	catalogue := webhook.EmbeddedCatalogue()
	if t := catalogue.Event([]byte(event)); t != nil {
		return sample.Webhook(t, seed), nil
	}
	hint := "'bridge sample --list' prints the events"
	if near := catalogue.NearestEvent(event); near != "" {
		hint = "did you mean " + near + "?"
	}
	return nil, cli.Usagef(hint, "event %q is not in the catalogue", event)
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

// newEvent makes up a webhook as if it had just happened: with a new event id, or the queue would take it for a
// duplicate, and the present time, or CleverTap's campaigns would ignore it.
func newEvent(event string, now time.Time) ([]byte, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	body, err := makeSample(event, binary.BigEndian.Uint64(id[:]))
	if err != nil {
		return nil, err
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a random UUID, version 4
	const layout = "2006-01-02T15:04:05.000Z"
	for name, value := range map[string]string{
		"event_id":            fmt.Sprintf(`"%x-%x-%x-%x-%x"`, id[0:4], id[4:6], id[6:8], id[8:10], id[10:16]),
		"event_created_at":    `"` + now.UTC().Format(layout) + `"`,
		"received_at":         `"` + now.UTC().Format(layout) + `"`, // its name in version 2
		"event_created_at_ms": strconv.FormatInt(now.UnixMilli(), 10),
	} {
		pattern := regexp.MustCompile(`("` + name + `": )("[^"]*"|\d+)`)
		body = pattern.ReplaceAll(body, []byte("${1}"+value))
	}
	return body, nil
}
