package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func newSubscriberCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "See, delete or fill what is stored of users' purchases",
		Long: `Works on the subscriber table, in which the forwarder keeps which purchases of a user are
active. Users stand there under a one-way hash of the app and their id.

docs/guide/subscribers.md says what is kept, for how long, and why.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSubscriberShowCommand(), newSubscriberForgetCommand(), newSubscriberSeedCommand())
	return cmd
}

// person names one user of an app on a command line.
type person struct{ app, user, anonymous string }

// flags adds what names a user.
func (p *person) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.app, "app", "", "the user's app")
	flags.StringVar(&p.user, "user", "", "the app's own id of the user (user_id)")
	flags.StringVar(&p.anonymous, "anonymous", "", "Purchasely's id of a user who is not signed in (anonymous_user_id)")
}

// key is the user's key in the table.
func (p *person) key(cmd *cobra.Command) (string, error) {
	switch {
	case p.app == "":
		return "", usageOf(cmd, errNoApp)
	case (p.user == "") == (p.anonymous == ""):
		return "", usageOf(cmd, errors.New("name the user by --user or by --anonymous, not by both"))
	case p.user != "":
		return subscriberKey(p.app, webhook.Subscriber{Kind: webhook.ByUser, ID: p.user}), nil
	default:
		return subscriberKey(p.app, webhook.Subscriber{Kind: webhook.ByAnonymous, ID: p.anonymous}), nil
	}
}

// subscriberKey is where the forwarder keeps a subscriber.
func subscriberKey(app string, h webhook.Subscriber) string {
	return message.SubscriberID(app, h.Kind.String(), h.ID)
}
