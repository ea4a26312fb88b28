package reconcile

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// tolerance is by how much totals may differ, for two senders never end a day at the same instant.
const tolerance = 0.01

// Hosted is the comparison with the hosted integration.
type Hosted struct {
	Events   []Total  `json:"events"`
	Day      string   `json:"day"`      // on which every event was compared
	Compared int      `json:"compared"` // events that both have
	Same     int      `json:"same"`     // of these, on the same profile and with the same values
	Values   []string `json:"values"`   // properties of which every event differs: they are written in another form
	Noise    int      `json:"noise"`    // by how much counts changed when they were asked for again
}

// Total is one event's total on both sides.
type Total struct {
	Event  string `json:"event"` // Purchasely's name
	Bridge int    `json:"bridge"`
	Hosted int    `json:"hosted"`
	Noise  int    `json:"noise"`
}

// differs reports whether totals differ by more than the tolerance and the noise.
func (p Total) differs() bool {
	allowed := tolerance*math.Max(float64(p.Bridge), float64(p.Hosted)) + float64(p.Noise)
	return math.Abs(float64(p.Bridge-p.Hosted)) > allowed
}

// hostedAccount is where the hosted integration sends to.
func (r *run) hostedAccount(ctx context.Context) (clevertap.Account, error) {
	if r.hostedSecret == "" {
		return r.accounts.Production, nil
	}
	text, found, err := r.stack.ReadSecret(ctx, r.hostedSecret)
	if err != nil || !found {
		return clevertap.Account{}, cmp.Or(err, cli.Findingf("", "secret %s is missing", r.hostedSecret))
	}
	accounts, err := clevertap.ParseAccounts(text)
	if err != nil {
		return clevertap.Account{}, cli.Findingf("its form is that of an app's clevertap secret",
			"secret %s: %w", r.hostedSecret, err)
	}
	return accounts.Production, nil
}

// compareHosted compares the totals of every event with the hosted integration's, and all events of the last day.
func (r *run) compareHosted(ctx context.Context) error {
	hosted, err := r.hostedAccount(ctx)
	if err != nil {
		return err
	}
	r.Hosted = &Hosted{Events: []Total{}, Day: r.days.to.String(), Values: []string{}}
	c := &comparison{values: make(map[string][]Named), both: make(map[string]int), differing: make(map[string]bool)}
	names := r.file.Apps[r.app].EventNames()
	bar := cli.NewProgress(r.cmd, "comparing", len(names))
	defer bar.Done()
	for _, name := range names {
		if err := r.compareTotals(ctx, hosted, name, c); err != nil {
			return err
		}
		bar.Add(1)
	}
	if len(c.off) > 0 {
		r.remark("the hosted integration sends %s, which the settings switch off", strings.Join(c.off, ", "))
	}
	r.tellHosted(c)
	return nil
}

// compareTotals compares one event's totals, and all events of its name on the last day.
func (r *run) compareTotals(ctx context.Context, hosted clevertap.Account, name string, c *comparison) error {
	rule, theirs := r.file.Apps[r.app].Event([]byte(name)), r.hostedPrefix+name
	if rule.Send && rule.Name == theirs && hosted.ID == r.Account {
		return cli.Findingf("give the bridge's events a prefix, see docs/guide/leaving-hosted.md",
			"%s has the same name on both sides: nobody could tell them apart", name)
	}
	theirDays, err := r.asker.daily(ctx, hosted, theirs, "", false)
	if err != nil {
		return err
	}
	p := Total{Event: name, Hosted: total(theirDays)}
	switch {
	case !rule.Send && p.Hosted > 0:
		c.off = append(c.off, name)
		return nil
	case !rule.Send, p.Hosted == 0 && r.Journal != nil && r.accepted[rule.Name] == nil: // neither has it
		return nil
	}
	ourDays, err := r.asker.daily(ctx, r.accounts.Production, rule.Name, "", false)
	if err != nil {
		return err
	}
	if p.Bridge = total(ourDays); p.Bridge+p.Hosted == 0 {
		return nil
	}
	if p.differs() {
		if p.Noise, err = r.noise(ctx, hosted, theirs, rule.Name, p); err != nil {
			return err
		}
	}
	r.Hosted.Noise += p.Noise
	r.Hosted.Events = append(r.Hosted.Events, p)
	if theirDays[r.days.to]+ourDays[r.days.to] == 0 {
		return nil
	}
	return r.compareRows(ctx, hosted, name, rule.Name, c)
}

func total(days map[query.Day]float64) (sum int) {
	for _, n := range days {
		sum += int(n)
	}
	return sum
}

// noise asks for both totals once more: what changes meanwhile is no difference between the two integrations.
func (r *run) noise(ctx context.Context, hosted clevertap.Account, theirs, ours string, p Total) (int, error) {
	theirDays, err := r.asker.daily(ctx, hosted, theirs, "", true)
	if err != nil {
		return 0, err
	}
	ourDays, err := r.asker.daily(ctx, r.accounts.Production, ours, "", true)
	if err != nil {
		return 0, err
	}
	change := func(a, b int) int { return max(a-b, b-a) }
	return change(total(theirDays), p.Hosted) + change(total(ourDays), p.Bridge), nil
}

// comparison is what comparing event by event has found.
type comparison struct {
	profile, onlyHosted, onlyBridge []Named
	values                          map[string][]Named // by property: events of which it differs
	both                            map[string]int     // by property: events of which both have it
	differing                       map[string]bool    // events that are not the same
	compared                        int
	off                             []string // events that only the hosted integration sends
}

// compareRows compares all events of a name on the last day.
func (r *run) compareRows(ctx context.Context, hosted clevertap.Account, name, ours string, c *comparison) error {
	theirRows, err := r.asker.events(ctx, hosted, r.hostedPrefix+name, r.days.to)
	if err != nil {
		return err
	}
	ourRows, err := r.asker.events(ctx, r.accounts.Production, ours, r.days.to)
	if err != nil {
		return err
	}
	keyOf := byTime
	if slices.ContainsFunc(theirRows, hasID) {
		keyOf = byID
	}
	mine := make(map[string][]query.Event)
	for _, row := range ourRows {
		mine[keyOf(row)] = append(mine[keyOf(row)], row)
	}
	for _, theirs := range theirRows {
		key := keyOf(theirs)
		n := Named{Event: name, EventID: textOf(theirs.Properties["event_id"]), At: theirs.At}
		if len(mine[key]) == 0 {
			c.onlyHosted = append(c.onlyHosted, n)
			continue
		}
		our := mine[key][0]
		mine[key] = mine[key][1:]
		n.EventID = textOf(our.Properties["event_id"])
		c.compareOne(r, n, our, theirs)
	}
	for _, left := range mine {
		for _, row := range left {
			n := Named{Event: name, EventID: textOf(row.Properties["event_id"]), At: row.At}
			c.onlyBridge = append(c.onlyBridge, n)
		}
	}
	return nil
}

func hasID(e query.Event) bool { return len(e.Properties["event_id"]) > 0 }

func byID(e query.Event) string { return textOf(e.Properties["event_id"]) }

// byTime is for events without an id: what a purchase and its time are called on both sides.
func byTime(e query.Event) string {
	purchase, plan := textOf(e.Properties["purchasely_subscription_id"]), textOf(e.Properties["plan"])
	return fmt.Sprint(e.At.Unix(), " ", purchase, " ", plan)
}

func (c *comparison) compareOne(r *run, n Named, ours, theirs query.Event) {
	c.compared++
	key := n.Event + " " + n.EventID
	sameProfile := ours.CleverTapID != "" && ours.CleverTapID == theirs.CleverTapID ||
		ours.Identity != "" && ours.Identity == theirs.Identity && r.hostedSecret != ""
	if !sameProfile {
		c.profile = append(c.profile, n)
		c.differing[key] = true
	}
	for _, name := range slices.Sorted(maps.Keys(theirs.Properties)) {
		our, has := ours.Properties[r.ourName(name)]
		if !has || strings.HasPrefix(name, "CT ") { // which property is sent is a choice, and CT Source is CleverTap's own
			continue
		}
		c.both[name]++
		if !sameValue(our, theirs.Properties[name]) {
			v := n
			v.Detail = fmt.Sprintf("%s is %s in the bridge's and %s in the hosted one", name, shown(name, our),
				shown(name, theirs.Properties[name]))
			c.values[name] = append(c.values[name], v)
		}
	}
}

// ourName is how the settings call a property that the hosted integration sends under Purchasely's name.
func (r *run) ourName(name string) string {
	app := r.file.Apps[r.app]
	if rule := app.NamedProperty([]byte(name)); rule != nil {
		return rule.Name
	}
	if a := webhook.EmbeddedCatalogue().Attribute([]byte(name)); a != nil && a.Name == name { // and no pattern
		return app.Property(a.Index).Name
	}
	return name
}

// sameValue compares values, not their form: a number may be a text.
func sameValue(a, b jsontext.Value) bool {
	return bytes.Equal(a, b) || textOf(a) == textOf(b) || numberOf(a) != 0 && numberOf(a) == numberOf(b)
}

// shown is a value in a report, which must not name people: what the catalogue does not know may be anything.
func shown(name string, value jsontext.Value) string {
	known := webhook.EmbeddedCatalogue().Attribute([]byte(name)) != nil
	if !known || strings.Contains(name, "id") && !strings.Contains(name, "paid") || len(value) > 80 {
		return "something"
	}
	return string(value)
}

// tellHosted makes findings of what was found.
func (r *run) tellHosted(c *comparison) {
	h := r.Hosted
	h.Compared = c.compared
	for _, p := range h.Events {
		if p.differs() && r.From != r.To { // of a single day every event is named
			r.add("total", "Differences at the edge of the period are no fault. If the names are others than the settings "+
				"say, give the right --hosted-prefix.",
				fmt.Sprintf("%s: the bridge has %d, the hosted integration %d.", p.Event, p.Bridge, p.Hosted), []Named{})
		}
	}
	r.find("other_profile", "The hosted integration finds people by the CleverTap ID that the app gave Purchasely's "+
		"SDK, the bridge by your user id: docs/guide/identity.md says how to make them one.",
		"On another profile than the hosted integration's", c.profile)
	c.onlyHosted = r.nameLost(c.onlyHosted)
	r.find("only_hosted", "Purchasely sends both the same: 'bridge rejected list', the first part of this report and "+
		"the webhook's attempts in Purchasely's console say where they stopped.",
		"Only the hosted integration's", c.onlyHosted)
	r.find("only_bridge", "The hosted integration does not send them, or they came to it after midnight.",
		"Only the bridge's", c.onlyBridge)
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		events := c.values[name]
		if len(events) == c.both[name] && len(events) > 2 {
			h.Values = append(h.Values, name)
			r.remark("%s is written in another form in all %d events: %s", name, len(events), events[0].Detail)
			continue
		}
		for _, e := range events {
			c.differing[e.Event+" "+e.EventID] = true
		}
		r.find("value", "docs/guide/events.md says where each property comes from; 'bridge explain' which rule of the "+
			"settings made it.", "Of another "+name+" than the hosted integration's", events)
	}
	h.Same = h.Compared - len(c.differing)
	if since := r.Made.Sub(r.days.end()); since >= 0 && since < time.Hour {
		r.remark("the last day has just ended, and CleverTap may not have counted all of it")
	}
}

// nameLost names the webhooks that have no outcome by events that only the hosted integration has, and returns the
// rest of these. Those that CleverTap has dropped are named already.
func (r *run) nameLost(onlyHosted []Named) (rest []Named) {
	named := make(map[string]bool)
	lost := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Kind == "lost" })
	for _, f := range r.Findings {
		if f.Kind == "dropped" {
			for _, e := range f.Events {
				named[e.EventID] = true
			}
		}
	}
	for _, e := range onlyHosted {
		switch {
		case named[e.EventID] && e.EventID != "":
		case lost >= 0 && r.Journal != nil && e.EventID != "" && !r.seen[e.EventID]:
			r.Findings[lost].Events = append(r.Findings[lost].Events, e)
		default:
			if r.Journal != nil && e.EventID != "" && !r.seen[e.EventID] {
				e.Detail = "the journal has no webhook of it"
			}
			rest = append(rest, e)
		}
	}
	return rest
}

func (h *Hosted) text() string {
	rows := [][]string{{"hosted integration", "bridge", "hosted", ""}}
	for _, p := range h.Events {
		mark := ""
		if p.differs() {
			mark = fmt.Sprintf("%+d", p.Bridge-p.Hosted)
		}
		rows = append(rows, []string{p.Event, fmt.Sprint(p.Bridge), fmt.Sprint(p.Hosted), mark})
	}
	return cli.Table(rows) + fmt.Sprintf("on %s both have %s, of which %d are the same on both sides; asked again, "+
		"counts changed by %d\n\n", h.Day, cli.Quantity(h.Compared, "event"), h.Same, h.Noise)
}
