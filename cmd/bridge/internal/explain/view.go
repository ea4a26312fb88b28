package explain

import (
	"cmp"
	"context"
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

// View explains the webhook for a page.
func (w Webhook) View(ctx context.Context) (View, error) {
	x, err := explain(ctx, batch{
		file: w.File, app: w.App, bodies: [][]byte{w.Body}, received: w.Received,
		sandboxAccount: w.SandboxAccount, states: w.States, items: w.Items,
	})
	if err != nil {
		return View{}, err
	}
	o := &x.Webhooks[0]
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
	add("Not sent", isRecordNotSent)
	add("Not sent with the event", isPropertyNotSent)
	if o.profile() != nil { // else it is no news what would not be in it
		add("Not sent to the profile", isUserNotSent)
	}
	add("Changed on the way", note.isChange)
	return v, nil
}
