package user

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/users"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// updatesAtOnce is how many lines of a file are entered at a time, which costs one read.
	updatesAtOnce = 100
	// defaultUpdateRate is far below what a new on-demand table takes (DynamoDB, on-demand capacity mode, November 2026).
	defaultUpdateRate cli.Rate = 500
)

// act is what one of the commands does to people.
type act struct {
	users.Action

	name, short, does string
	noun, done        string // 3 links, 3 users linked
	layout            layout
	example           string
}

var peopleColumns = []string{"user_id", "anonymous_user_id", "observed_at"}

var (
	linking = act{
		users.Link, "link", "Say which CleverTap ID users have",
		`Links users of an app to their CleverTap IDs, as your own back end may do by the users
endpoint. Which users' links count says clevertap_id in the integration file: by default
those of users who are not signed in.`,
		"link", "linked",
		layout{"users", append([]string{"clevertap_id"}, peopleColumns...), []string{"clevertap_id"}},
		`  bridge user link --stack purchasely-clevertap --app demo ` +
			`--anonymous 9D40B7F2-0E63-4A1C-8B5E-F7C2316D98A4 --clevertap-id -h9D40B7F20E634A1C8B5E
  bridge user link --stack purchasely-clevertap --app demo --file cmd/bridge/testdata/links.csv --yes --json`,
	}
	suppressing = act{
		users.Suppress, "suppress", "Have users left alone",
		`Has users of an app left alone: from now on nothing about them is sent to CleverTap, and
neither state nor journal is kept, until they are restored. What was sent or stored
before stays: 'bridge user erase' deletes that, too.`,
		"suppression", "suppressed", layout{"users", peopleColumns, nil},
		`  bridge user suppress --stack purchasely-clevertap --app demo --user learner-40213`,
	}
	restoring = act{
		users.Restore, "restore", "Send about suppressed users again",
		`Ends the suppression of users of an app: their next webhooks are sent again. Those that
came meanwhile are gone.`,
		"restoration", "restored", layout{"users", peopleColumns, nil},
		`  bridge user restore --stack purchasely-clevertap --app demo --user learner-40213`,
	}
)

type updateOptions struct {
	tableFlags
	person
	cli.Output
	cli.Confirmation
	act

	clevertapID, observedAt, file, integrations string
	rate                                        cli.Rate
}

func newUpdateCommand(network http.RoundTripper, a act) *cobra.Command {
	o := updateOptions{tableFlags: tableFlags{network: network}, act: a, rate: defaultUpdateRate}
	cmd := &cobra.Command{
		Use:   a.name + " --stack <stack> --app <app> --user <id> | --anonymous <id> | --file <file>",
		Short: a.short,
		Long: a.does + `

With --file it takes many users from a CSV file whose first line names the columns, or
from JSON lines with the same names: ` + strings.Join(a.layout.columns, ", ") + `.
The whole file is checked first. It may be stopped and run again: of whom nothing new is
said is not written again.

observed_at is when it was so. Of two things said about a user the later one counts, in
whatever order they come. Without it, it is now.

Exit codes: 0 all is stored, 1 some is not, or nobody said yes, 2 wrong usage.`,
		Example: a.example,
		Args:    cli.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.tableFlags.flags(cmd)
	o.person.flags(cmd, "the users' app")
	flags := cmd.Flags()
	if a.Action == users.Link {
		flags.StringVar(&o.clevertapID, "clevertap-id", "",
			"the CleverTap ID, with its prefix, as CleverTap's SDK returns it")
	}
	flags.StringVar(&o.observedAt, "observed-at", "", "when it was so, such as 2026-11-28T09:30:00Z (default now)")
	flags.StringVar(&o.file, "file", "", "a file of users, - for standard input")
	flags.StringVar(&o.integrations, "integrations", "", "an integration file with the app (default the stack's settings)")
	flags.Var(&o.rate, "rate", "users of a file per second, 0 for as fast as it goes")
	o.JSONFlag(cmd, "print the result as one JSON object for programs")
	o.YesFlag(cmd)
	return cmd
}

// updateResult is what user link, suppress and restore print with --json.
type updateResult struct {
	App     string `json:"app"`
	Users   int    `json:"users"`   // lines of the file, or one
	Changed int    `json:"changed"` // of whom something new was said
	Known   int    `json:"known"`   // of whom nothing new was said
}

func (o *updateOptions) run(cmd *cobra.Command) error {
	updates, err := o.updates(cmd)
	if err != nil {
		return err
	}
	table, err := o.open(cmd)
	if err != nil {
		return err
	}
	file, err := table.loadApp(cmd, o.integrations, &o.app)
	if err != nil {
		return err
	}
	if !o.Yes() {
		cmd.PrintErr(o.preview(file.Apps[o.app], updates))
	}
	if err := o.Confirm(cmd, fmt.Sprintf("Store %s of %s?", cli.Quantity(len(updates), o.noun), o.app)); err != nil {
		return err
	}
	bar := cli.NewProgress(cmd, "storing", len(updates))
	result := updateResult{App: o.app, Users: len(updates)}
	err = o.store(cmd.Context(), table, updates, &result, bar)
	bar.Done()
	left := result.Users - result.Changed - result.Known
	text := fmt.Sprintf("%s %s, %d unchanged, %d not stored\n",
		cli.Quantity(result.Changed, "user"), o.done, result.Known, left)
	if err != nil {
		err = cli.WithHint(err, "the same command goes on")
	}
	return o.Conclude(cmd, result, text, err)
}

// preview says what is about to happen. It names nobody.
func (o *updateOptions) preview(app *integration.App, updates []users.Update) (text string) {
	switch o.Action {
	case users.Suppress:
		text = "Nothing about them is sent to CleverTap any more. What it has already stays there.\n"
	case users.Restore:
		text = "Their next webhooks are sent to CleverTap again.\n"
	case users.Link:
		byUser := func(u users.Update) bool { return u.Person.Kind == webhook.ByUser }
		switch {
		case app.CleverTapID == integration.CleverTapIDNever:
			text = "They are not used: clevertap_id of the app is never.\n"
		case app.CleverTapID == integration.CleverTapIDAnonymous && slices.ContainsFunc(updates, byUser):
			text = "Those of users with a user_id are not used: clevertap_id of the app is anonymous.\n"
		}
	}
	if len(updates) > 1 {
		text += "They are stored" + o.rate.Pace(len(updates)) + ".\n"
	}
	return text
}

// updates are what is to be said: of one user, or of those in a file.
func (o *updateOptions) updates(cmd *cobra.Command) ([]users.Update, error) {
	if o.file == "" {
		if _, err := o.partition(cmd); err != nil {
			return nil, err
		}
		u, err := o.update(map[string]string{
			"user_id": o.user, "anonymous_user_id": o.anonymous, "clevertap_id": o.clevertapID, "observed_at": o.observedAt,
		})
		if err != nil {
			return nil, cli.BadUsage(cmd, err)
		}
		return []users.Update{u}, nil
	}
	if cmp.Or(o.user, o.anonymous, o.clevertapID, o.observedAt) != "" {
		return nil, cli.BadUsage(cmd, errors.New("name one user, or a file of them, not both"))
	}
	return readRecords(cmd, o.file, o.layout, o.update)
}

// update reads what is said of one user. Its errors quote nothing.
func (o *updateOptions) update(fields map[string]string) (u users.Update, err error) {
	user, anonymous := fields["user_id"], fields["anonymous_user_id"]
	u.Action, u.Person, u.CleverTapID = o.Action, subscriberOf(fields), fields["clevertap_id"]
	if text := fields["observed_at"]; text != "" {
		err = u.At.UnmarshalText([]byte(text))
	}
	switch {
	case !utf8.ValidString(u.Person.ID):
		return u, errors.New("not UTF-8: save the file in that encoding")
	case webhook.Absent(u.Person.ID):
		return u, errors.New("neither user_id nor anonymous_user_id is anybody's")
	case !webhook.Absent(user) && !webhook.Absent(anonymous):
		return u, errors.New("both user_id and anonymous_user_id: each has a line of its own")
	case o.Action == users.Link && !users.IsCleverTapID(u.CleverTapID):
		return u, errors.New("clevertap_id is no CleverTap ID: write 1 to 64 of A-Z a-z 0-9 ( ) ! : @ $ _ -")
	case err != nil || fields["observed_at"] != "" && u.At.Unix() <= 0:
		return u, errors.New("observed_at is no time such as 2026-11-28T09:30:00Z")
	}
	if now := time.Now(); u.At.After(now) {
		u.At = now
	}
	return u, nil
}

// store enters updates until all are, AWS refuses, or it is interrupted.
func (o *updateOptions) store(
	ctx context.Context, table subscribers, updates []users.Update, result *updateResult, bar *cli.Progress,
) error {
	limiter := o.rate.Limiter(updatesAtOnce)
	for chunk := range slices.Chunk(updates, updatesAtOnce) {
		if limiter.WaitN(ctx, len(chunk)) != nil {
			return cli.ErrInterrupted
		}
		changed, err := users.Apply(ctx, table, o.app, chunk, time.Now())
		result.Changed += changed
		if err != nil {
			return explain(err)
		}
		result.Known += len(chunk) - changed
		bar.Add(len(chunk))
	}
	return nil
}
