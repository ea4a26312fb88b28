package console

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/queue"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/status"
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

// picture is what became of an app's webhooks hour by hour, as columns of a chart.
type picture struct {
	Width, Height int
	Columns       []column
	Most          int
}

// column is an hour.
type column struct {
	status.Hour
	X, Width                              int
	Delivered, Skipped, Rejected, Waiting bar
}

// bar is a part of a column.
type bar struct{ Y, Height, Count int }

func newPicture(hours []status.Hour) picture {
	const width, height, gap = 480, 96, 2
	p := picture{Width: width, Height: height}
	for _, h := range hours {
		p.Most = max(p.Most, h.Queued, h.Delivered+h.Skipped+h.Rejected)
	}
	for i, h := range hours {
		w := width / max(1, len(hours))
		c := column{Hour: h, X: i * w, Width: w - gap}
		y := height
		draw := func(n int) bar {
			tall := 0
			if n > 0 {
				tall = max(2, n*(height-4)/max(1, p.Most)) // one webhook can be seen beside thousands
			}
			y -= tall
			return bar{y, tall, n}
		}
		c.Delivered, c.Skipped, c.Rejected = draw(h.Delivered), draw(h.Skipped), draw(h.Rejected)
		c.Waiting = draw(max(0, h.Queued-h.Delivered-h.Skipped-h.Rejected))
		p.Columns = append(p.Columns, c)
	}
	return p
}

// liveOverview is what happens on a stack.
type liveOverview struct {
	status.Status
	Pictures map[string]picture
}

func (c *console) live(ctx context.Context, file *integration.File) *liveOverview {
	if c.deployed == nil {
		return nil
	}
	o := &liveOverview{Status: status.Read(ctx, c.deployed.stack, file), Pictures: map[string]picture{}}
	for _, app := range o.Apps {
		if app.Activity != nil {
			o.Pictures[app.Name] = newPicture(app.Activity.Hours)
		}
	}
	return o
}

// deliveries is the content of the page of the last webhooks.
type deliveries struct {
	App, Event, Outcome, Reason string
	Outcomes                    []string
	Entries                     []delivery
	Page                        journal.Page
	Older                       string
	NoTable                     bool
	Base                        string
	Rejected                    string // what bridge rejected list says
	Redrive                     *redrive
	MayRedrive                  bool
}

// Address is the page with the same filters.
func (d deliveries) Address() string { return d.address("") }

// Next is the page of older webhooks.
func (d deliveries) Next() string { return d.address(d.Older) }

func (d deliveries) address(to string) string {
	query := url.Values{}
	for key, value := range map[string]string{
		"app": d.App, "event": d.Event, "outcome": d.Outcome, "reason": d.Reason, "to": to,
	} {
		if value != "" {
			query.Set(key, value)
		}
	}
	return "/deliveries?" + query.Encode()
}

// delivery is an entry of the journal.
type delivery struct {
	journal.Entry
	Because string
}

// redrive is what bridge rejected redrive says: before it does anything, or after.
type redrive struct {
	Said string
	Done bool
}

const (
	// maxDeliveries is how many webhooks the page has; older ones are on the next.
	maxDeliveries = 1000
	// journalLimit is how long the journal may take: it is not in the order of time, so that all of it is read.
	journalLimit = 8 * time.Second
)

func (c *console) deliveries(w http.ResponseWriter, r *http.Request) error {
	if c.deployed == nil {
		return errNoStack
	}
	query := r.URL.Query()
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	p := page{Title: "Deliveries", Path: r.URL.Path}
	d := deliveries{
		App: query.Get("app"), Event: query.Get("event"), Outcome: query.Get("outcome"), Reason: query.Get("reason"),
		Outcomes: journal.Outcomes(), NoTable: c.deployed.table == nil, MayRedrive: c.mayWrite, Base: cmp.Or(v.ETag, noETag),
	}
	if !d.NoTable {
		if err := d.read(r, c.deployed.table); err != nil {
			return stack.Explain(err)
		}
	}
	if r.Method == http.MethodPost {
		if d.Redrive, err = c.redrive(r, d); err != nil {
			return err
		}
	}
	if query.Has("rejected") || r.Method == http.MethodPost {
		d.Rejected = c.rejected(r.Context(), d)
	}
	p.Content, p.Command = d, d.command("bridge journal", c.deployed.stack.Name)
	c.render(w, "deliveries", http.StatusOK, p)
	return nil
}

// command is the command line with the same filters.
func (d *deliveries) command(name, stack string) string {
	return strings.Join(slices.Concat([]string{name}, d.flags(stack)), " ")
}

func (d *deliveries) flags(stack string) []string {
	flags := []string{"--stack", stack}
	all := [][2]string{{"--app", d.App}, {"--event", d.Event}, {"--outcome", d.Outcome}, {"--reason", d.Reason}}
	for _, flag := range all {
		if flag[1] != "" {
			flags = append(flags, flag[0], flag[1])
		}
	}
	return flags
}

func (d *deliveries) read(r *http.Request, table *dynamo.Table) (err error) {
	ctx, cancel := context.WithTimeout(r.Context(), journalLimit)
	defer cancel()
	s := journal.Selection{App: d.App, Outcome: d.Outcome, Reason: d.Reason}
	if d.Event != "" {
		s.Events = []string{d.Event}
	}
	if to, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("to")); err == nil {
		s.To = to
	}
	if d.Page, err = journal.Latest(ctx, table, s, maxDeliveries, time.Now()); err != nil {
		return err
	}
	for _, e := range d.Page.Entries {
		one := delivery{Entry: e}
		if e.Reason != "" {
			one.Because = journal.Because(e.Reason, e.Code)
		}
		d.Entries = append(d.Entries, one)
	}
	if d.Page.Older {
		d.Older = d.Entries[len(d.Entries)-1].Received.Format(time.RFC3339Nano)
	}
	return nil
}

// rejected is what lies on the rejected queue.
func (c *console) rejected(ctx context.Context, d deliveries) string {
	return c.run(ctx, c.rejectedArgs("list", d)...)
}

func (c *console) rejectedArgs(command string, d deliveries) []string {
	d.Outcome = ""
	return append([]string{"rejected", command}, d.flags(c.deployed.stack.Name)...)
}

// redrive sends messages of the rejected queue back, or says first what it would send: it is the command itself, and
// nobody says yes to its question unless the button was that of the second step.
func (c *console) redrive(r *http.Request, d deliveries) (*redrive, error) {
	args := c.rejectedArgs("redrive", d)
	if r.PostFormValue("do") != "redrive" {
		return &redrive{Said: c.run(r.Context(), args...)}, nil
	}
	if !c.mayWrite {
		return nil, cli.Findingf("start it with --write", "this console only shows the stack")
	}
	return &redrive{Said: c.run(r.Context(), append(args, "--yes")...), Done: true}, nil
}

// run runs a command, and returns what it prints.
func (c *console) run(ctx context.Context, args ...string) string {
	var out bytes.Buffer
	root := cli.Group("bridge", "", "", queue.NewCommand(c.deployed.network))
	cli.Run(ctx, root, args, strings.NewReader(""), &out, &out)
	return out.String()
}

// traced is the content of the page of a person.
type traced struct {
	User, Anonymous string
	Asked           bool
	People          []tracedPerson
	Lines           []tracedLine
	Unfollowed      int
	Base            string
}

type tracedPerson struct {
	Name      string
	Sentences []string
}

type tracedLine struct {
	journal.Line
	Sentences []string
	Whose     string
}

// person shows what became of a person's webhooks. The ids are posted, because addresses are kept in many places.
func (c *console) person(w http.ResponseWriter, r *http.Request) error {
	switch {
	case c.deployed == nil:
		return errNoStack
	case c.deployed.table == nil:
		return cli.Findingf("deploy it with Subscribers=on", "the stack has no journal")
	}
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	t := traced{
		User: strings.TrimSpace(r.PostFormValue("user")), Anonymous: strings.TrimSpace(r.PostFormValue("anonymous")),
		Base: cmp.Or(v.ETag, noETag),
	}
	if t.Asked = t.User != "" || t.Anonymous != ""; t.Asked {
		history, err := journal.Read(r.Context(), c.deployed.table, journal.Partitions(t.User, t.Anonymous), "", time.Now())
		if err != nil {
			return stack.Explain(err)
		}
		t.fill(history)
	}
	p := page{Title: "Person", Path: r.URL.Path, Content: t,
		Command: "bridge user trace --stack " + c.deployed.stack.Name + " --user …"}
	c.render(w, "person", http.StatusOK, p)
	return nil
}

func (t *traced) fill(h journal.History) {
	t.Unfollowed = h.Unfollowed
	for i, p := range h.People {
		name := fmt.Sprintf("Another id, by a transfer (%d)", i+1)
		switch {
		case i == 0 && t.User != "":
			name = "User id"
		case p.Asked:
			name = "Anonymous id"
		}
		t.People = append(t.People, tracedPerson{name, p.Describe()})
	}
	for _, l := range h.Timeline() {
		t.Lines = append(t.Lines, tracedLine{l, l.Describe(), t.People[l.Person].Name})
	}
	slices.Reverse(t.Lines) // the newest first
}

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
