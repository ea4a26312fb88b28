package reconcile

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
)

// Report is what reconcile --json prints.
type Report struct {
	Stack    string    `json:"stack"`
	App      string    `json:"app"`
	Account  string    `json:"account"`
	From     string    `json:"from"`
	To       string    `json:"to"` // the last day
	Zone     string    `json:"zone"`
	Made     time.Time `json:"made"`
	Books    Books     `json:"books"`
	Journal  *Journal  `json:"journal"` // null: there is none, and the events cannot be compared
	Events   []Event   `json:"events"`
	Hosted   *Hosted   `json:"hosted,omitzero"`
	Findings []Finding `json:"findings"`
	Remarks  []string  `json:"remarks"` // what limits the comparison
	Requests int       `json:"requests"`
	Verdict  Verdict   `json:"verdict"`
}

// Books are what was queued and what became of it, heartbeats left out.
type Books struct {
	Queued     int `json:"queued"`
	Delivered  int `json:"delivered"`
	Skipped    int `json:"skipped"`
	Rejected   int `json:"rejected"`
	Waiting    int `json:"waiting"`    // of those on the queues, as many as explain the rest
	Residue    int `json:"residue"`    // queued, and without any of these; below zero: something counts twice
	OnQueues   int `json:"on_queues"`  // of all apps, now
	Heartbeats int `json:"heartbeats"` // that came through
}

// Journal is the same, event by event.
type Journal struct {
	Delivered int `json:"delivered"`
	Skipped   int `json:"skipped"`
	Rejected  int `json:"rejected"`
	Retried   int `json:"retried"` // still on their way
	Sandbox   int `json:"sandbox"` // delivered to another account than the one that is compared
}

// Event is one event's total, by its name at CleverTap.
type Event struct {
	Name     string  `json:"name"`
	Accepted int     `json:"accepted"`
	Has      int     `json:"has"`                // at CleverTap
	Money    float64 `json:"money,omitzero"`     // that was accepted
	HasMoney float64 `json:"has_money,omitzero"` // in whole numbers, as CleverTap sums up
}

// Finding is a difference, or a kind of difference.
type Finding struct {
	Kind   string  `json:"kind"`
	Text   string  `json:"text"`
	Advice string  `json:"advice"`
	Events []Named `json:"events"`
}

// Named is an event of a finding.
type Named struct {
	Event   string    `json:"event"`
	EventID string    `json:"event_id"` // empty: it has none
	At      time.Time `json:"at,omitzero"`
	Detail  string    `json:"detail,omitzero"`
}

// Verdict is what it comes to.
type Verdict struct {
	Good    bool     `json:"good"`
	Text    string   `json:"text"`
	Reasons []string `json:"reasons"`
}

func newReport(o *options, d days, account string) Report {
	return Report{
		Stack: o.stack, App: o.app, Account: account, From: d.from.String(), To: d.to.String(), Zone: d.zone.String(),
		Made: time.Now().UTC(), Events: []Event{}, Findings: []Finding{}, Remarks: []string{},
	}
}

// find adds a finding about events, if there are any.
func (r *Report) find(kind, advice, text string, events []Named) {
	if len(events) == 0 {
		return
	}
	slices.SortFunc(events, func(a, b Named) int {
		return cmp.Or(cmp.Compare(a.Event, b.Event), a.At.Compare(b.At), cmp.Compare(a.EventID, b.EventID))
	})
	r.add(kind, advice, text+": "+cli.Quantity(len(events), "event")+".", events)
}

func (r *Report) add(kind, advice, text string, events []Named) {
	r.Findings = append(r.Findings, Finding{Kind: kind, Text: text, Advice: advice, Events: events})
}

func (r *Report) remark(format string, args ...any) {
	r.Remarks = append(r.Remarks, fmt.Sprintf(format, args...))
}

// conclude says what it all comes to.
func (r *Report) conclude() {
	v := &r.Verdict
	v.Reasons = []string{}
	for _, f := range r.Findings {
		v.Reasons = append(v.Reasons, f.Text)
	}
	v.Good = len(v.Reasons) == 0
	switch {
	case r.Hosted != nil && r.Hosted.Compared == 0:
		v.Good = false
		v.Text = "Nobody can say whether you may switch: there is not one event that both have."
	case r.Hosted != nil && v.Good:
		v.Text = "You can switch: the bridge says the same as the hosted integration, and nothing was lost."
	case r.Hosted != nil:
		v.Text = "Do not switch yet."
	case v.Good && r.Journal == nil:
		v.Text = "Every webhook has an outcome. Whether CleverTap has every event cannot be said without a journal."
	case v.Good:
		v.Text = "Nothing was lost: every webhook has an outcome, and CleverTap has what it has accepted."
	default:
		v.Text = "Not everything is there."
	}
}

// maxShown is how many events of a finding the text shows; the JSON has all.
const maxShown = 10

func (r *Report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, CleverTap account %s\n\n", r.App, r.period(), r.Account)
	b.WriteString(r.Books.text())
	if j := r.Journal; j != nil {
		fmt.Fprintf(&b, "journal: %d delivered, %d skipped, %d rejected, %d on their way\n",
			j.Delivered, j.Skipped, j.Rejected, j.Retried)
	}
	b.WriteString("\n" + r.eventsText())
	if r.Hosted != nil {
		b.WriteString(r.Hosted.text())
	}
	for i, f := range r.Findings {
		fmt.Fprintf(&b, "%d. %s\n   %s\n", i+1, f.Text, f.Advice)
		for _, e := range f.Events[:min(len(f.Events), maxShown)] {
			fmt.Fprintf(&b, "     %s\n", e.text())
		}
		if more := len(f.Events) - maxShown; more > 0 {
			fmt.Fprintf(&b, "     and %d more, which --json shows\n", more)
		}
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n")
	}
	for _, remark := range r.Remarks {
		fmt.Fprintf(&b, "remark: %s\n", remark)
	}
	fmt.Fprintf(&b, "%s\n", r.Verdict.Text)
	return b.String()
}

func (r *Report) period() string {
	if r.From == r.To {
		return fmt.Sprintf("%s (%s)", r.From, r.Zone)
	}
	return fmt.Sprintf("%s to %s (%s)", r.From, r.To, r.Zone)
}

func (b Books) text() string {
	text := fmt.Sprintf("webhooks: %d queued = %d delivered + %d skipped + %d rejected + %d waiting",
		b.Queued, b.Delivered, b.Skipped, b.Rejected, b.Waiting)
	switch {
	case b.Residue > 0:
		text += fmt.Sprintf(" + %d without an outcome", b.Residue)
	case b.Residue < 0:
		text += fmt.Sprintf(" - %d that count twice", -b.Residue)
	}
	return text + "\n"
}

func (r *Report) eventsText() string {
	if len(r.Events) == 0 {
		return ""
	}
	rows := [][]string{{"event", "accepted", "CleverTap has", ""}}
	for _, e := range r.Events {
		row := []string{e.Name, fmt.Sprint(e.Accepted), fmt.Sprint(e.Has), ""}
		if e.Has != e.Accepted {
			row[3] = fmt.Sprintf("%+d", e.Has-e.Accepted)
		}
		rows = append(rows, row)
		if e.Money != 0 || e.HasMoney != 0 {
			rows = append(rows, []string{"  money", fmt.Sprintf("%.2f", e.Money), fmt.Sprintf("%.0f", e.HasMoney), ""})
		}
	}
	return cli.Table(rows) + "\n"
}

func (n Named) text() string {
	id := "event id " + n.EventID
	if n.EventID == "" {
		id = "without an event id"
	}
	text := fmt.Sprintf("%s, %s", n.Event, id)
	if !n.At.IsZero() {
		text += n.At.Format(", 2006-01-02 15:04:05 MST")
	}
	if n.Detail != "" {
		text += ": " + n.Detail
	}
	return text
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("report").Parse(pageText))

// picture is pairs of bars: two figures each that should be the same.
type picture struct {
	Title, Left, Right string
	Bars               []bar
}

type bar struct {
	Name        string
	Left, Right int
	Differs     bool

	Y, LeftWidth, RightWidth int
}

const (
	barHeight = 44
	barWidth  = 400 // of the longest one
)

func (p picture) Height() int { return len(p.Bars)*barHeight + 4 }

func (p picture) draw() {
	most := 1
	for _, b := range p.Bars {
		most = max(most, b.Left, b.Right)
	}
	for i := range p.Bars {
		b := &p.Bars[i]
		b.Y, b.LeftWidth, b.RightWidth = i*barHeight, b.Left*barWidth/most, b.Right*barWidth/most
	}
}

// page is the report as a page that can be sent to somebody: nothing of it is elsewhere.
func (r *Report) page() ([]byte, error) {
	accepted := picture{Title: "What CleverTap accepted, and what it has", Left: "accepted", Right: "CleverTap has"}
	for _, e := range r.Events {
		differs := e.Has != e.Accepted
		accepted.Bars = append(accepted.Bars, bar{Name: e.Name, Left: e.Accepted, Right: e.Has, Differs: differs})
	}
	hosted := picture{Title: "The bridge, and the hosted integration", Left: "bridge", Right: "hosted"}
	if r.Hosted != nil {
		for _, e := range r.Hosted.Events {
			hosted.Bars = append(hosted.Bars, bar{Name: e.Event, Left: e.Bridge, Right: e.Hosted, Differs: e.differs()})
		}
	}
	var pictures []picture
	for _, p := range []picture{accepted, hosted} {
		if len(p.Bars) > 0 {
			p.draw()
			pictures = append(pictures, p)
		}
	}
	var page bytes.Buffer
	err := pageTemplate.Execute(&page, struct {
		*Report
		Period, Figures string
		Pictures        []picture
	}{r, r.period(), r.Books.text(), pictures})
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return page.Bytes(), nil
}
