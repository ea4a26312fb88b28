package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// stackSource is the settings of a stack.
type stackSource struct{ store *settings.Store }

func (s *stackSource) Read(ctx context.Context) (settings.Version, error) {
	c, err := s.store.Current(ctx)
	v := c.InForce
	if c.Newest != nil {
		v.ETag = c.Newest.ETag
	}
	return v, err
}

func (s *stackSource) Write(ctx context.Context, text []byte, base settings.Version, message string) error {
	seen := settings.Current{}
	if base.ETag != "" {
		seen.Newest = &base
	}
	_, err := s.store.Put(ctx, text, seen, message)
	return err
}

// maxHistory is how many versions the page History has.
const maxHistory = 30

func (s *stackSource) History(ctx context.Context) ([]settings.Version, error) {
	return s.store.History(ctx, maxHistory)
}

// builtInSource is the file of a stack without settings of its own, which only a deployment changes.
type builtInSource struct{}

func (builtInSource) Read(context.Context) (settings.Version, error) { return settings.BuiltIn(), nil }

func (builtInSource) Write(context.Context, []byte, settings.Version, string) error {
	return cli.Findingf("deploy the stack with Settings=on", "the stack keeps no settings")
}
func (builtInSource) History(context.Context) ([]settings.Version, error) { return nil, nil }

// deployed is what the pages show of a stack beside its settings.
type deployed struct {
	stack   *stack.Stack
	table   *dynamo.Table // nil: the stack has none
	network http.RoundTripper

	mu   sync.Mutex
	seen map[string]seen // by app
}

// seen are the names of events that came lately.
type seen struct {
	names []string
	at    time.Time
}

const (
	// seenAge is for how long names are believed to be all that came lately: to find them, the whole journal is read.
	seenAge = 10 * time.Minute
	// seenLimit is how long the page may wait for them.
	seenLimit = 2 * time.Second
)

// seenEvents are the names of an app's last webhooks. What cannot be read is left out: the page has a use without it.
func (d *deployed) seenEvents(ctx context.Context, app string) []string {
	if d == nil || d.table == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.seen[app]; ok && time.Since(known.at) < seenAge {
		return known.names
	}
	ctx, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	page, err := journal.Latest(ctx, d.table, journal.Selection{App: app}, maxDeliveries, time.Now())
	if err != nil {
		return nil
	}
	found := seen{at: time.Now()}
	for _, e := range page.Entries {
		found.names = append(found.names, e.Event.Event)
	}
	slices.Sort(found.names)
	found.names = slices.Compact(found.names)
	if d.seen == nil {
		d.seen = map[string]seen{}
	}
	d.seen[app] = found
	return found.names
}

// openStack finds a stack and what its pages show.
func openStack(cmd *cobra.Command, network http.RoundTripper, name string, write bool) (*console, error) {
	s, err := stack.Open(cmd, network, name)
	if err != nil {
		return nil, err
	}
	d := &deployed{stack: s, network: network}
	if s.Output(stack.SubscribersTable) != "" {
		if d.table, err = journal.OfStack(s); err != nil {
			return nil, err
		}
	}
	var from source = builtInSource{}
	of := " --stack " + name
	what := shown{
		name: "stack " + name, strict: true, writable: write, explain: "bridge explain",
		check: "bridge status" + of, save: "bridge settings put" + of, history: "bridge settings history" + of,
	}
	if s.Output(stack.SettingsBucket) == "" {
		what.name, what.writable = what.name+", which keeps no settings: a deployment changes them", false
		what.save, what.history = "make deploy", "git log shared/config"
	} else {
		store, err := settings.Open(s)
		if err != nil {
			return nil, err
		}
		from = &stackSource{store}
	}
	c := newConsole(from, what)
	c.deployed, c.mayWrite = d, write
	return c, nil
}

// errNoStack is for pages about what happens on a stack.
var errNoStack = cli.Findingf(
	"start the console with --stack instead of a file: bridge console --stack purchasely-clevertap",
	"this page shows what happens on a stack, and this console shows a file")

var errReadOnly = cli.Findingf("start it with --write", "this console only shows the stack")

// body finds the webhook of an entry of the journal.
func (d *deployed) body(ctx context.Context, key string) string {
	partition, sort, _ := strings.Cut(key, " ")
	k := subscriber.Key{Partition: partition, Sort: sort}
	if d == nil || d.table == nil {
		return ""
	}
	items, err := d.table.Load(ctx, []subscriber.Key{k})
	if err != nil {
		return ""
	}
	return string(subscriber.ReadEvent(items[k]).Body)
}
