package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// width is where lists of names are wrapped.
const width = 100

// text is the explanation for people: what is sent, then what is not and why.
func (x explanation) text() string {
	var b strings.Builder
	for i := range x.Webhooks {
		if i > 0 {
			fmt.Fprintln(&b)
		}
		if n := len(x.Webhooks); n > 1 {
			fmt.Fprintf(&b, "Webhook %d of %d: ", i+1, n)
		}
		x.Webhooks[i].write(&b, i+1)
	}
	for _, u := range x.Uploads {
		fmt.Fprintf(&b, "\nOne upload to the %s account: %s, %s. --json shows it byte for byte.\n",
			u.Account, cli.Quantity(u.Records, "record"), cli.Quantity(u.Bytes, "byte"))
	}
	for _, s := range x.States {
		fmt.Fprintf(&b, "\nstored afterwards of %s %s:\n%s\n", s.Kind, s.ID, s.State)
	}
	return b.String()
}

func (o *outcome) write(b *strings.Builder, number int) {
	v := o.view()
	fmt.Fprintf(b, "%s %s\n", cmp.Or(o.Event, "this webhook"), o.verdict())
	for _, h := range v.Hints {
		fmt.Fprintf(b, "  hint: %s\n", h)
	}
	for i, r := range v.Records {
		if madeOf := o.Records[i].Webhooks; madeOf[len(madeOf)-1] == number { // a profile of several comes with the last
			r.write(b)
		}
	}
	for _, reasons := range v.NotSent {
		heading(b, reasons.Title)
		for _, r := range reasons.Reasons {
			list(b, r.Why, r.Names)
		}
	}
	if len(o.Kept) > 0 {
		var names []string
		for _, k := range o.Kept {
			names = append(names, renamed(k.Source, k.Name))
		}
		heading(b, "Left as it is at CleverTap")
		list(b, "without a value here, and nothing clears a user property there: that of an earlier webhook stays", names)
	}
	if len(v.New) > 0 {
		heading(b, "New to the bridge")
		list(b, "not in its catalogue, and passed on as it came (counted as drift)", v.New)
	}
}

// verdict says what would become of the webhook. It is not sent, so nothing is said about what was.
func (o *outcome) verdict() string {
	switch o.Outcome {
	case forward.Delivered.String():
		if o.Event == webhook.Heartbeat {
			return "is the bridge's own: it ends with a dry run at CleverTap, which stores nothing."
		}
		return fmt.Sprintf("would be sent to the %s account.", o.Account)
	case forward.Skipped.String():
		why := map[fault.Reason]string{
			fault.Disabled:   "the integration file switches the app off",
			fault.Sandbox:    "test purchases go nowhere",
			fault.NoIdentity: "it has no id of a person",
			fault.Anonymous:  "its buyer is not signed in, and the integration file skips those",
			fault.EventOff:   "the event is switched off, and nothing else is left of it",
		}[fault.Reason(o.Reason)]
		return fmt.Sprintf("would be skipped (%s): %s%s.", o.Reason, cmp.Or(why, "nothing is sent"), o.where())
	case forward.Rejected.String():
		return fmt.Sprintf("would be rejected (%s): %s.", o.Reason, cmp.Or(o.cause(), "it can never be sent"))
	default:
		return fmt.Sprintf("would wait, and be tried again (%s): %s.", o.Reason, cmp.Or(o.Cause, "not yet"))
	}
}

// cause is why the webhook would be rejected.
func (o *outcome) cause() string {
	for _, r := range o.Records {
		if !r.Accepted {
			return fmt.Sprintf("%q is the name of an event of CleverTap's own", r.Name)
		}
	}
	return o.Cause
}

// where is the place in the integration file that decided on the whole webhook; empty if none did.
func (o *outcome) where() string {
	for _, n := range o.Notes {
		if n.Subject == ofMessage && n.Line > 0 {
			return fmt.Sprintf(" (%s:%d:%d, %s)", n.File, n.Line, n.Column, n.Key)
		}
	}
	return ""
}

func heading(b *strings.Builder, text string) { fmt.Fprintf(b, "\n%s\n", text) }

// title says what a record is. own is the profile of the webhook's subscriber.
func (r *record) title(own *record) string {
	title := "Profile"
	switch {
	case r.Kind == ofEvent:
		title = "Event " + r.Name
	case r.Kind == ofCharged:
		title = "Event Charged, CleverTap's own for money"
	case r != own:
		title = "Profile of the subscriber who had it before"
	}
	if n := len(r.Webhooks); n > 1 {
		title += " of webhooks " + numbers(r.Webhooks)
	}
	if !r.Accepted {
		title += ", which CleverTap would refuse"
	}
	return title
}

// whose says whom a record is about, and when it counts.
func (r *record) whose() string {
	whose := "identity " + r.Identity
	if r.ObjectID != "" {
		whose = "CleverTap ID " + r.ObjectID
	}
	return whose + ", at " + strings.TrimSuffix(strings.Replace(r.Time, "T", " ", 1), "Z") + " UTC"
}

func (r *ViewRecord) write(b *strings.Builder) {
	heading(b, r.Title)
	fmt.Fprintf(b, "  %s\n\n", r.Whose)
	rows := [][]string{{"  from Purchasely", "in CleverTap", "value"}}
	for _, p := range r.Properties {
		rows = append(rows, []string{"  " + p.Source, p.Name, p.Value})
	}
	b.WriteString(cli.Table(rows))
}

func numbers(list []int) string {
	var texts []string
	for _, n := range list {
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, ", ")
}

// readable is a value as people read it: a date as one, and a text without quotes unless it could be taken for
// something else.
func readable(value jsontext.Value) string {
	if value.Kind() != jsontext.KindString {
		return string(value)
	}
	unquoted, _ := jsontext.AppendUnquote(nil, value) // it was read from JSON
	text := string(unquoted)
	if epoch, ok := strings.CutPrefix(text, "$D_"); ok {
		if seconds, err := strconv.ParseInt(epoch, 10, 64); err == nil {
			return time.Unix(seconds, 0).UTC().Format(time.DateTime) + " UTC"
		}
	}
	if jsontext.Value(text).IsValid() || text != strings.TrimSpace(text) ||
		strings.ContainsFunc(text, unicode.IsControl) {
		return string(value)
	}
	return text
}

// isChange reports whether a note is about a change that is not shown already: tables show dates and what the file
// renames, and the verdict shows names that CleverTap refuses.
func (n note) isChange() bool {
	shown := strings.HasPrefix(n.Rule, "dates go out as") || strings.Contains(n.Rule, "keeps its name") ||
		n.Line > 0 && n.Sent != n.Name || n.Subject == ofEvent && n.Sent == n.Name
	return n.Sent != "" && !shown
}

// reasons groups some of the notes by their reasons.
func (o *outcome) reasons(which func(note) bool) (list []Reason) {
	for _, n := range o.Notes {
		if !which(n) {
			continue
		}
		why := n.because()
		i := slices.IndexFunc(list, func(r Reason) bool { return r.Why == why })
		if i < 0 {
			i, list = len(list), append(list, Reason{Why: why})
		}
		if name := n.what(); !slices.Contains(list[i].Names, name) {
			list[i].Names = append(list[i].Names, name)
		}
	}
	return list
}

// list writes a reason, and names below it.
func list(b *strings.Builder, reason string, names []string) {
	fmt.Fprintf(b, "  %s\n", reason)
	line := ""
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if line != "" && utf8.RuneCountInString(line+name) > width-8 {
			fmt.Fprintf(b, "     %s\n", line)
			line = ""
		}
		line += " " + name
	}
	fmt.Fprintf(b, "     %s\n", line)
}

// renamed is a property's name, and the one in CleverTap if that is another.
func renamed(source, name string) string {
	if name == source {
		return source
	}
	return source + " (" + name + " in CleverTap)"
}

// what is the thing that a note is about.
func (n note) what() string {
	switch n.Subject {
	case ofEvent:
		if n.Sent != "" {
			return n.Name + " as " + n.Sent
		}
		return "the event " + n.Name
	case ofCharged:
		return strings.TrimSuffix("the event Charged, made of "+n.Name, ", made of ")
	case ofProfile:
		return "the profile"
	}
	return n.Name
}

// because is the rule and its place. The thing's own name becomes "it", so that equal rules read the same.
func (n note) because() string {
	withoutName := func(text string) string {
		words := strings.Split(text, " ")
		for i := range words {
			if words[i] == n.Name && n.Name != "" {
				words[i] = "it"
			}
		}
		return strings.Join(words, " ")
	}
	rule, key := withoutName(n.Rule), withoutName(n.Key)
	switch {
	case n.Line > 0 && strings.Contains(key, "does not include"):
		return fmt.Sprintf("%s (%s:%d:%d)", key, n.File, n.Line, n.Column)
	case n.Line > 0:
		return fmt.Sprintf("%s (%s:%d:%d, %s)", rule, n.File, n.Line, n.Column, key)
	case key != "" && key != rule:
		return fmt.Sprintf("%s (%s)", rule, key)
	default:
		return rule
	}
}

// View is what the command prints about one webhook, in its parts, for a page.
type View struct {
	Event   string // empty if the webhook cannot be read
	Outcome string
	Verdict string
	Hints   []string
	Records []ViewRecord
	NotSent []ViewReasons
	New     []string // names that are new to the bridge
}

// ViewRecord is one record that CleverTap would get.
type ViewRecord struct {
	Kind, Title, Whose string
	Accepted           bool
	Properties         []ViewProperty
}

// ViewProperty is a property of a record, with its value as people read it.
type ViewProperty struct{ Source, Name, Value string }

// ViewReasons are reasons under a heading.
type ViewReasons struct {
	Title   string
	Reasons []Reason
}

// Reason is why some things are not sent, or are changed.
type Reason struct {
	Why   string
	Names []string
}

func (o *outcome) view() View {
	v := View{
		Event: o.Event, Outcome: o.Outcome, Verdict: cmp.Or(o.Event, "This webhook") + " " + o.verdict(), Hints: o.Hints,
		New: o.Drift,
	}
	for i := range o.Records {
		r := &o.Records[i]
		made := ViewRecord{Kind: r.Kind, Title: r.title(o.profile()), Whose: r.whose(), Accepted: r.Accepted}
		for _, p := range r.Properties {
			made.Properties = append(made.Properties, ViewProperty{p.Source, p.Name, readable(p.Value)})
		}
		v.Records = append(v.Records, made)
	}
	add := func(title string, which func(note) bool) {
		if reasons := o.reasons(which); len(reasons) > 0 {
			v.NotSent = append(v.NotSent, ViewReasons{title, reasons})
		}
	}
	notSent := func(subjects ...string) func(note) bool {
		return func(n note) bool { return n.Sent == "" && slices.Contains(subjects, n.Subject) }
	}
	add("Not sent", notSent(ofEvent, ofCharged, ofProfile))
	add("Not sent with the event", notSent(ofProperty))
	if o.profile() != nil { // else it is no news what would not be in it
		add("Not sent to the profile", notSent(ofUser))
	}
	add("Changed on the way", note.isChange)
	return v
}
