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
	"github.com/purchasely-clevertap/bridge/shared/config"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	names "github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// stackSource is the settings of a stack.
type stackSource struct {
	name  string
	store *settings.Store
}

func (s *stackSource) Name() string { return "stack " + s.name }

func (s *stackSource) Commands() commands {
	of := " --stack " + s.name
	return commands{
		Check: "bridge status" + of, Save: "bridge settings put" + of, History: "bridge settings history" + of,
	}
}

func (s *stackSource) Strict() bool { return true }

func (s *stackSource) Read(ctx context.Context) (settings.Version, error) {
	c, err := s.store.Current(ctx)
	v := c.InForce
	v.ETag = ""
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
type builtInSource struct{ stack string }

func (b builtInSource) Name() string {
	return "stack " + b.stack + ", which keeps no settings: a deployment changes them"
}
func (b builtInSource) Commands() commands {
	return commands{Check: "bridge status --stack " + b.stack, Save: "make deploy", History: "git log shared/config"}
}
func (b builtInSource) Strict() bool { return true }

func (b builtInSource) Read(context.Context) (settings.Version, error) {
	v := settings.Version{Name: names.BuiltIn, Text: config.Integrations, ETag: "built-in"}
	v.File, v.Problems = integration.Load(cli.BuiltIn, v.Text)
	return v, nil
}

func (b builtInSource) Write(context.Context, []byte, settings.Version, string) error {
	return cli.Findingf("deploy the stack with Settings=on", "the stack keeps no settings")
}
func (b builtInSource) History(context.Context) ([]settings.Version, error) { return nil, nil }

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
	c := newConsole(builtInSource{name}, false)
	if s.Output(stack.SettingsBucket) != "" {
		store, err := settings.Open(s)
		if err != nil {
			return nil, err
		}
		c = newConsole(&stackSource{name, store}, write)
	}
	c.deployed, c.mayWrite = d, write
	return c, nil
}

// errNoStack is for pages about what happens on a stack.
var errNoStack = cli.Findingf(
	"start the console with --stack instead of a file: bridge console --stack purchasely-clevertap",
	"this page shows what happens on a stack, and this console shows a file")

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
