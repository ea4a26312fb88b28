package explain

import (
	"cmp"
	"slices"
)

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
