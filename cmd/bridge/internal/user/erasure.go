package user

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/queue"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/users"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

const (
	// forwarderTime is how long a forwarder may go on that has read a person before the suppression: the time-out of the
	// function, and a little.
	forwarderTime = 35 * time.Second
	// longestWait is how long a message may take to come back to a forwarder, which then skips it.
	longestWait = 16 * time.Minute
	// maxWaiting is how many messages may wait on an events queue that is looked through: it is in use meanwhile.
	maxWaiting = 10_000
	// deleteAttempts is how often a profile's deletion is tried, with a pause that doubles.
	deleteAttempts = 4
	deletePause    = 2 * time.Second
)

// erasure deletes one person.
type erasure struct {
	cmd        *cobra.Command
	table      subscribers
	network    http.RoundTripper
	file       *integration.File
	clevertap  *clevertap.Uploader
	purchasely []purchaselyApp // nil: Purchasely is not asked

	people     []webhook.Subscriber
	partitions []string            // of the people, in their order
	apps       []string            // the person's app and those that share an account with it
	accounts   []clevertap.Account // of these apps

	silentSince time.Time // when the suppression was written, or seen

	// What inspect has found.
	suppressedAt time.Time // the latest; zero: somebody is not suppressed
	unsuppressed int
	links        map[string]bool // CleverTap IDs
	stored       []subscriber.Key
	related      map[string]bool // partitions on the other side of a transfer
}

// findAccounts finds the apps that have an account in common with one, directly or by others, and their accounts.
func (e *erasure) findAccounts(app string) error {
	byApp := make(map[string]map[string]clevertap.Account) // by name and key
	for name := range e.file.Apps {
		text, found, err := e.table.stack.ReadSecret(e.cmd.Context(), e.table.stack.SecretName(name, stack.CleverTapSecret))
		if err != nil {
			return err
		}
		accounts, err := clevertap.ParseAccounts(text)
		switch {
		case found && err == nil:
			byApp[name] = map[string]clevertap.Account{accounts.Production.Key(): accounts.Production}
			if accounts.Sandbox != nil {
				byApp[name][accounts.Sandbox.Key()] = *accounts.Sandbox
			}
		case name == app: // An app without usable credentials sends nothing, but this one's have to be there.
			_, err := e.table.accounts(e.cmd.Context(), app)
			return err
		}
	}
	e.apps = []string{app}
	reached := make(map[string]clevertap.Account)
	for n := 0; n < len(e.apps); n++ {
		for key, account := range byApp[e.apps[n]] {
			reached[key] = account
			for name, accounts := range byApp {
				if _, shares := accounts[key]; shares && !slices.Contains(e.apps, name) {
					e.apps = append(e.apps, name)
				}
			}
		}
	}
	slices.Sort(e.apps)
	for _, key := range slices.Sorted(maps.Keys(reached)) {
		e.accounts = append(e.accounts, reached[key])
	}
	return nil
}

// inspect finds what there is.
func (e *erasure) inspect() error {
	e.suppressedAt, e.unsuppressed, e.stored = time.Time{}, 0, nil
	e.links, e.related = make(map[string]bool), make(map[string]bool)
	now := time.Now()
	for _, partition := range e.partitions {
		people := make(map[string]subscriber.Person) // by app
		for entry, err := range e.table.Partition(e.cmd.Context(), partition, "") {
			if err != nil {
				return explain(err)
			}
			if app, ok := strings.CutPrefix(entry.Key.Sort, subscriber.PersonPrefix); ok {
				people[app], _ = subscriber.ReadPerson(entry.Item, now) // what cannot be read is written anew
			} else if e.concerns(entry.Key.Sort) {
				e.stored = append(e.stored, entry.Key)
			}
			if other := subscriber.ReadEvent(entry.Item).Other; other != "" && !slices.Contains(e.partitions, other) {
				e.related[other] = true
			}
		}
		for _, app := range e.apps {
			p := people[app]
			if p.CleverTapID != "" {
				e.links[p.CleverTapID] = true
			}
			if !p.Suppressed() {
				e.unsuppressed++
			} else if p.SuppressedAt.After(e.suppressedAt) {
				e.suppressedAt = p.SuppressedAt
			}
		}
	}
	return nil
}

// concerns reports whether an item of the person is deleted: all but those of other apps and of their accounts.
func (e *erasure) concerns(sort string) bool {
	if account, ok := strings.CutPrefix(sort, subscriber.StatePrefix); ok {
		return slices.ContainsFunc(e.accounts, func(a clevertap.Account) bool { return a.ID == account })
	}
	if rest, ok := strings.CutPrefix(sort, subscriber.EventPrefix); ok {
		app, _, _ := strings.Cut(rest, "#")
		return slices.Contains(e.apps, app)
	}
	return true
}

// task is a step of the deletion.
type task struct {
	name, plan string
	count      int // of what there is
	do         func(*eraseStep) error
	after      []string // that must be done; empty: all before it
}

// tasks are the steps by what inspect has found. Nothing is deleted while the suppression does not hold; the links,
// which name profiles, go when these are gone; and Purchasely is asked when nothing is left here.
func (e *erasure) tasks() []task {
	states := 0
	for _, key := range e.stored {
		if strings.HasPrefix(key.Sort, subscriber.StatePrefix) {
			states++
		}
	}
	accounts := make([]string, len(e.accounts))
	for i, a := range e.accounts {
		accounts[i] = a.ID
	}
	suppressions := cli.Quantity(len(e.people)*len(e.apps), "suppression")
	suppressed := []string{"suppress"}
	tasks := []task{
		{
			name: "suppress", do: e.suppress, count: e.unsuppressed,
			plan: fmt.Sprintf("%d of %s to write", e.unsuppressed, suppressions),
		},
		{
			name: "messages", do: e.removeMessages, after: suppressed,
			plan: "looks through the rejected queue, the dead-letter queues and the events queues",
		},
		{
			name: "stored", do: e.deleteStored, after: suppressed, count: len(e.stored),
			plan: fmt.Sprintf("%s, and %s of the journal and of notes", cli.Quantity(states, "state"),
				cli.Quantity(len(e.stored)-states, "item")),
		},
		{
			name: "profiles", do: e.deleteProfiles, after: suppressed,
			plan: fmt.Sprintf("by %s, at %s", cli.Quantity(len(e.addresses()), "id"), strings.Join(accounts, " and ")),
		},
		{
			name: "links", do: e.removeLinks, after: []string{"suppress", "profiles"}, count: len(e.links),
			plan: cli.Quantity(len(e.links), "CleverTap ID"),
		},
	}
	if e.purchasely != nil {
		last := task{name: "purchasely", do: e.askPurchasely, plan: "its own records, by a user deletion request"}
		tasks = append(tasks, last)
	}
	return tasks
}

// preview says what each step is going to do.
func (e *erasure) preview() eraseReport {
	var steps []eraseStep
	for _, t := range e.tasks() {
		steps = append(steps, eraseStep{Step: t.name, Plan: t.plan, Count: t.count})
	}
	return e.report(steps)
}

func (e *erasure) report(steps []eraseStep) eraseReport {
	isOpen := func(s eraseStep) bool { return !s.Done }
	r := eraseReport{Subscribers: e.partitions, Apps: e.apps, Steps: steps, Erased: !slices.ContainsFunc(steps, isOpen)}
	if e.unsuppressed == 0 {
		r.SuppressedAt = e.suppressedAt.Format(time.RFC3339)
	}
	return r
}

// execute goes through the steps, and shows what came of each.
func (e *erasure) execute() eraseReport {
	var steps []eraseStep
	for _, t := range e.tasks() {
		waits := func(s eraseStep) bool { return !s.Done && (t.after == nil || slices.Contains(t.after, s.Step)) }
		step := eraseStep{Step: t.name}
		switch {
		case e.cmd.Context().Err() != nil:
			step.Left = []string{"interrupted"}
		case slices.ContainsFunc(steps, waits):
			step.Left = []string{"waits for the steps before it"}
		default:
			if err := t.do(&step); err != nil {
				step.Left = append(step.Left, err.Error())
			}
		}
		text := fmt.Sprintf("done, %d", step.Count)
		step.Done = len(step.Left) == 0
		if !step.Done {
			text = "left: " + strings.Join(step.Left, "; ")
		}
		steps = append(steps, step)
		e.cmd.PrintErrf("  %-10s  %s\n", step.Step, text)
	}
	return e.report(steps)
}

// suppress writes the suppression of every id for every app. An item that cannot be read is written anew.
func (e *erasure) suppress(step *eraseStep) error {
	ctx := e.cmd.Context()
	for _, app := range e.apps {
		for i, p := range e.people { // one by one, so that a damaged item concerns its id alone
			now := time.Now()
			changed, err := users.Apply(ctx, e.table, app, []users.Update{{Action: users.Suppress, Person: p}}, now)
			if f := fault.Of(err); f != nil && f.Kind == fault.Operator && stack.Code(err) == "" {
				fresh := subscriber.Person{SuppressedAt: now}
				key := subscriber.PersonKey(e.partitions[i], app)
				changed = 1
				_, err = e.table.Put(ctx, map[subscriber.Key]subscriber.Item{key: fresh.Item(now)})
			}
			if err != nil {
				return explain(err)
			}
			step.Count += changed
		}
	}
	e.silentSince = time.Now()
	return e.checkSuppressed()
}

var errRestored = errors.New("somebody has restored the person meanwhile")

// checkSuppressed looks again, at everything.
func (e *erasure) checkSuppressed() error {
	if err := e.inspect(); err != nil {
		return err
	}
	if e.unsuppressed > 0 {
		return errRestored
	}
	return nil
}

// removeMessages deletes webhooks of the person from the queues. Those that forwarders have are skipped by them when
// they come back.
func (e *erasure) removeMessages(step *eraseStep) error {
	if err := e.waitForForwarders(); err != nil { // what they have is done then, or back on its queue
		return err
	}
	for _, q := range []struct {
		output, name string
		live         bool // forwarders read it
	}{
		{stack.RejectedQueue, "rejected", false},
		{stack.FIFODeadLetters, "fifo dead letters", false}, {stack.StandardDeadLetters, "standard dead letters", false},
		{stack.FIFOEvents, "fifo events", true}, {stack.StandardEvents, "standard events", true},
		{stack.RelayDeadLetters, "relay dead letters", false},
	} {
		if e.table.stack.Output(q.output) == "" {
			continue
		}
		name := q.name
		messages := e.table.stack.Queue(q.output, name)
		size, err := messages.Size(e.cmd.Context())
		if err != nil {
			return err
		}
		if q.live && size > maxWaiting {
			step.Left = append(step.Left, fmt.Sprintf("%s: %d messages are too many to look through; "+
				"forwarders skip the person's as they come", name, size))
			continue
		}
		r, err := queue.Remove(e.cmd, messages, e.isOfPerson)
		step.Count += r.Deleted
		switch {
		case err != nil:
			return err
		case r.Deleted < r.Matched:
			step.Left = append(step.Left, fmt.Sprintf("%s: %d could not be deleted", name, r.Matched-r.Deleted))
		case r.Unseen > 0 && !q.live:
			step.Left = append(step.Left, fmt.Sprintf("%s: about %d did not show: others look at them", name, r.Unseen))
		case r.Unseen > 0 && time.Since(e.suppressedAt) < longestWait:
			until := e.suppressedAt.Add(longestWait).Format(time.TimeOnly + " MST")
			step.Left = append(step.Left,
				fmt.Sprintf("%s: forwarders have about %d, and skip the person's by %s", name, r.Unseen, until))
		}
	}
	return nil
}

// isOfPerson reports whether a message is a webhook about the person. One about somebody else may name the person as
// the other side of a transfer: it is that one's.
func (e *erasure) isOfPerson(m *stack.Message) bool {
	w := m.Webhook()
	if !slices.Contains(e.apps, w.App) {
		return false
	}
	var event webhook.Event
	found := mapping.People{Subscriber: []webhook.Subscriber{webhook.Peek(w.Body).Subscriber}}
	if event.Read(w.Body) == nil {
		found = mapping.FindPeople(&event)
	}
	return slices.ContainsFunc(found.Subscriber, func(s webhook.Subscriber) bool { return slices.Contains(e.people, s) })
}

// deleteStored deletes items, when no forwarder can write one any more.
func (e *erasure) deleteStored(step *eraseStep) error {
	if err := e.waitForForwarders(); err != nil {
		return err
	}
	for _, key := range e.stored {
		found, err := e.table.Delete(e.cmd.Context(), key)
		if err != nil {
			return explain(err)
		}
		if found {
			step.Count++
		}
	}
	return nil
}

// waitForForwarders waits until those have ended that may have read the person before the suppression, and makes sure
// that it holds.
func (e *erasure) waitForForwarders() error {
	if left := time.Until(e.silentSince.Add(forwarderTime)); left > 0 {
		e.cmd.PrintErrf("  waiting for %s, until forwarders have ended that know nothing of the suppression\n",
			left.Round(time.Second))
		if err := cli.Pause(e.cmd.Context(), left); err != nil {
			return err
		}
	}
	return e.checkSuppressed()
}

// address is what a profile may be known by.
type address struct {
	key clevertap.ProfileKey
	id  string
}

// addresses are those that the bridge may have sent to: the ids themselves, CleverTap IDs made of them, and links.
func (e *erasure) addresses() (all []address) {
	add := func(key clevertap.ProfileKey, id string) {
		if a := (address{key, id}); !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	for _, p := range e.people {
		if p.Kind == webhook.ByUser {
			add(clevertap.ProfileIdentity, p.ID)
			continue
		}
		for _, app := range e.apps {
			mode := e.file.Apps[app].Anonymous
			if mode != integration.AnonymousSkip {
				add(clevertap.ProfileIdentity, p.ID)
			}
			if mode == integration.AnonymousObjectID {
				for _, id := range mapping.CustomIDs(p.ID) {
					add(clevertap.ProfileCleverTapID, id)
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.links)) {
		add(clevertap.ProfileCleverTapID, id)
	}
	return all
}

// deleteProfiles deletes the profiles at every account, one call after the other: CleverTap takes three at a time, of
// all who call.
func (e *erasure) deleteProfiles(step *eraseStep) error {
	if err := e.waitForForwarders(); err != nil {
		return err
	}
	for _, account := range e.accounts {
		for _, a := range e.addresses() {
			f := fault.Of(e.deleteProfile(account, a))
			if e.cmd.Context().Err() != nil {
				return cli.ErrInterrupted
			}
			if f == nil {
				step.Count++
				continue
			}
			step.Left = append(step.Left, fmt.Sprintf("account %s: %s", account.ID, f.Cause()))
			if f.Kind != fault.Reject { // the others would fare no better
				break
			}
		}
	}
	return nil
}

func (e *erasure) deleteProfile(account clevertap.Account, a address) (err error) {
	for attempt := range deleteAttempts {
		if attempt > 0 && cli.Pause(e.cmd.Context(), deletePause<<(attempt-1)) != nil {
			return err
		}
		err = e.clevertap.DeleteProfile(e.cmd.Context(), account, a.key, a.id)
		if err == nil || fault.Of(err).Kind != fault.Retry {
			return err
		}
	}
	return err
}

// removeLinks takes the CleverTap IDs out of what is kept. Older links do not come back.
func (e *erasure) removeLinks(step *eraseStep) error {
	for _, app := range e.apps {
		var updates []users.Update
		for _, p := range e.people {
			updates = append(updates, users.Update{Action: users.Link, Person: p})
		}
		changed, err := users.Apply(e.cmd.Context(), e.table, app, updates, time.Now())
		if err != nil {
			return explain(err)
		}
		step.Count += changed
	}
	return nil
}
