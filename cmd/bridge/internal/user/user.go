// Package user holds the commands on what is stored of one person: which purchases are active.
//
// It promises that newer states are never overwritten, and that no id of a person is printed. What an entry means is
// for package subscriber to know.
package user

import (
	"errors"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// NewCommand returns "user". network makes the calls to AWS; nil is the real one.
func NewCommand(network http.RoundTripper) *cobra.Command {
	return cli.Group("user", "See, delete or fill what is stored of users' purchases",
		`Works on the subscribers table, in which the forwarder keeps which purchases of a user are
active. Users are stored there under a hash of the app and their id.

docs/guide/subscribers.md says what is kept, for how long, and why.`,
		newShowCommand(network), newForgetCommand(network), newSeedCommand(network))
}

// tableFlags say which table a command works on.
type tableFlags struct {
	network      http.RoundTripper
	stack, table string
}

func (f *tableFlags) flags(cmd *cobra.Command) {
	stack.Flag(cmd, &f.stack)
	cmd.Flags().StringVar(&f.table, "table", "", "the subscribers table's name, instead of --stack")
}

// open finds the table.
func (f *tableFlags) open(cmd *cobra.Command) (*dynamo.Table, error) {
	switch {
	case f.stack != "" && f.table != "":
		return nil, cli.BadUsage(cmd, errors.New("flags --stack and --table: give one of them"))
	case f.table != "":
		config, err := stack.Connect(cmd.Context(), f.network)
		return dynamo.NewTable(config, f.table, 0), err
	}
	s, err := stack.Open(cmd, f.network, f.stack)
	if err != nil {
		return nil, err
	}
	name := s.Output(stack.SubscribersTable)
	if name == "" {
		hint := "its parameter Subscribers is off, or a later version of the bridge has to be deployed first"
		return nil, cli.Findingf(hint, "stack %q keeps no subscriber state", s.Name)
	}
	return dynamo.NewTable(s.Config, name, 0), nil
}

// explain returns an error of the table in a sentence for people.
func explain(err error) error {
	if stack.Code(err) == "ResourceNotFoundException" {
		return cli.Findingf("is it another region or account? 'aws dynamodb list-tables' names those that are there",
			"the subscribers table does not exist")
	}
	return stack.Explain(err)
}

// person names one user of an app on a command line.
type person struct{ app, user, anonymous string }

func (p *person) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.app, "app", "", "the user's app")
	flags.StringVar(&p.user, "user", "", "the app's own id of the user (user_id)")
	flags.StringVar(&p.anonymous, "anonymous", "",
		"Purchasely's id of a user who is not signed in (anonymous_user_id)")
}

// key is the user's key in the table.
func (p *person) key(cmd *cobra.Command) (string, error) {
	switch {
	case p.app == "":
		return "", cli.BadUsage(cmd, cli.ErrNoApp)
	case (p.user == "") == (p.anonymous == ""):
		return "", cli.BadUsage(cmd, errors.New("name the user by --user or by --anonymous, not by both"))
	case p.user != "":
		return keyOf(p.app, webhook.Subscriber{Kind: webhook.ByUser, ID: p.user}), nil
	default:
		return keyOf(p.app, webhook.Subscriber{Kind: webhook.ByAnonymous, ID: p.anonymous}), nil
	}
}

// keyOf is the key under which the forwarder stores a subscriber.
func keyOf(app string, s webhook.Subscriber) string {
	return message.SubscriberID(app, s.Kind.String(), s.ID)
}
