package console

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/queue"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
)

// deliveries is the content of the page of the last webhooks.
type deliveries struct {
	App, Event, Outcome, Reason string
	Outcomes                    []string
	Page                        journal.Page
	NoTable                     bool
	Rejected                    string // what bridge rejected list says
	Redrive                     *redrive
	MayRedrive                  bool
}

// Address is the page with the same filters.
func (d deliveries) Address() string { return d.address("") }

// Next is the page of older webhooks.
func (d deliveries) Next() string {
	return d.address(d.Page.Entries[len(d.Page.Entries)-1].Received.Format(time.RFC3339Nano))
}

func (d deliveries) address(to string) string {
	return address("/deliveries", map[string]string{
		"app": d.App, "event": d.Event, "outcome": d.Outcome, "reason": d.Reason, "to": to,
	})
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
	p := page{Title: "Deliveries", Path: r.URL.Path, Base: cmp.Or(v.ETag, noETag)}
	d := deliveries{
		App: query.Get("app"), Event: query.Get("event"), Outcome: query.Get("outcome"), Reason: query.Get("reason"),
		Outcomes: journal.Outcomes(), NoTable: c.deployed.table == nil, MayRedrive: c.mayWrite,
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
		d.Rejected = c.rejected(r.Context(), d, "list")
	}
	p.Content, p.Command = d, "bridge journal "+strings.Join(d.flags(c.deployed.stack.Name), " ")
	c.render(w, "deliveries", http.StatusOK, p)
	return nil
}

// flags are those of a command line with the same filters.
func (d *deliveries) flags(stack string) []string {
	flags := []string{"--stack", stack}
	filters := [][]string{{"--app", d.App}, {"--event", d.Event}, {"--outcome", d.Outcome}, {"--reason", d.Reason}}
	for _, flag := range filters {
		if flag[1] != "" {
			flags = append(flags, flag...)
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
	d.Page, err = journal.Latest(ctx, table, s, maxDeliveries, time.Now())
	return err
}

// only is what CleverTap has of a webhook without its event, which is switched off then.
func only(records string) string {
	if records == "" || strings.Contains(records, "event") {
		return ""
	}
	return strings.ReplaceAll(records, ",", " and ") + " only"
}

// redrive sends messages of the rejected queue back, or says first what it would send: it is the command itself, and
// nobody says yes to its question unless the button was that of the second step.
func (c *console) redrive(r *http.Request, d deliveries) (*redrive, error) {
	if r.PostFormValue("do") != "redrive" {
		return &redrive{Said: c.rejected(r.Context(), d, "redrive")}, nil
	}
	if !c.mayWrite {
		return nil, errReadOnly
	}
	return &redrive{Said: c.rejected(r.Context(), d, "redrive", "--yes"), Done: true}, nil
}

// rejected runs a command of the rejected queue, and returns what it prints.
func (c *console) rejected(ctx context.Context, d deliveries, command ...string) string {
	d.Outcome = ""
	var out bytes.Buffer
	root := cli.Group("bridge", "", "", queue.NewCommand(c.deployed.network))
	args := slices.Concat([]string{"rejected"}, command, d.flags(c.deployed.stack.Name))
	cli.Run(ctx, root, args, strings.NewReader(""), &out, &out)
	return out.String()
}
