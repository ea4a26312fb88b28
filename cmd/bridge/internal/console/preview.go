package console

import (
	"context"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// preview is what becomes of a webhook now, and after a change.
type preview struct {
	App        string
	Changes    []settings.Change
	Comparison settings.Comparison
	Changed    bool // there is something to compare
	Faulty     bool // the change cannot be previewed, because the file would be faulty
	Now, After explain.View
	Records    []recordPair
	Error      string
}

// recordPair is a record before and after a change.
type recordPair struct {
	Title, Before, Whose, Mark string // Before is the title that it had, if that was another
	Properties                 []propertyPair
}

// propertyPair is a property of a record before and after a change.
type propertyPair struct {
	Source, Now, After, Value, Mark string // Mark is added, removed or changed
}

// webhookChoice is which webhook is previewed.
type webhookChoice struct {
	Sample string
	Body   string // a pasted one counts before the sample
	Events []string
}

// sampleEvents are the events that have a sample.
func sampleEvents() (names []string) {
	for i := range catalogue.Events {
		if catalogue.Events[i].Known() {
			names = append(names, catalogue.Events[i].Name)
		}
	}
	return names
}

// defaultSample is one that everybody knows.
const defaultSample = "SUBSCRIPTION_STARTED"

func newChoice(name, body string) webhookChoice {
	c := webhookChoice{Sample: name, Body: body, Events: sampleEvents()}
	if t := catalogue.Event([]byte(name)); t == nil || !t.Known() {
		c.Sample = defaultSample
	}
	return c
}

// webhook is the chosen one.
func (c webhookChoice) webhook() []byte {
	if bodies := stored.Split([]byte(c.Body)); len(bodies) > 0 {
		return bodies[0]
	}
	for i := range catalogue.Events {
		if t := &catalogue.Events[i]; t.Name == c.Sample {
			return sample.Webhook(t, uint64(i))
		}
	}
	return nil
}

// newPreview takes a webhook, and samples of all events, through both files. after is nil if it would be faulty.
func newPreview(ctx context.Context, before, after *integration.File, app string, c webhookChoice) preview {
	p := preview{App: app, Faulty: after == nil}
	if after == nil {
		after = before
	}
	body, received := c.webhook(), time.Now()
	view := func(file *integration.File) (v explain.View) {
		if file.Apps[app] == nil {
			return explain.View{Verdict: "The app is not in this file."}
		}
		w := explain.Webhook{File: file, App: app, Body: body, Received: received, SandboxAccount: true}
		v, err := w.View(ctx)
		if err != nil {
			p.Error = err.Error()
		}
		return v
	}
	p.Now, p.After = view(before), view(after)
	p.Records = pairs(p.Now.Records, p.After.Records)
	one := func(file *integration.File) *integration.File {
		apps := map[string]*integration.App{}
		if a := file.Apps[app]; a != nil {
			apps[app] = a
		}
		return &integration.File{Path: file.Path, Apps: apps}
	}
	p.Changes = settings.Diff(before, after)
	p.Changed = len(p.Changes) > 0
	compared, err := settings.Compare(ctx, one(before), one(after))
	if err != nil {
		p.Error = err.Error()
	} else if len(compared) == 1 {
		p.Comparison = compared[0]
	}
	return p
}

// pairs finds what was there before and is there after, record by record.
func pairs(before, after []explain.ViewRecord) (list []recordPair) {
	used := map[int]bool{}
	for _, is := range after {
		pair := recordPair{Title: is.Title, Whose: is.Whose, Mark: "added"}
		var was explain.ViewRecord
		for i, r := range before {
			if !used[i] && r.Kind == is.Kind {
				used[i], was, pair.Mark = true, r, ""
				break
			}
		}
		if pair.Mark == "" && was.Title != is.Title {
			pair.Before = was.Title
		}
		pair.Properties = propertyPairs(was.Properties, is.Properties)
		list = append(list, pair)
	}
	for i, was := range before {
		if !used[i] {
			list = append(list, recordPair{
				Title: was.Title, Whose: was.Whose, Mark: "removed", Properties: propertyPairs(was.Properties, nil),
			})
		}
	}
	return list
}

func propertyPairs(before, after []explain.ViewProperty) (list []propertyPair) {
	used := map[int]bool{}
	for _, is := range after {
		pair := propertyPair{Source: is.Source, After: is.Name, Value: is.Value, Mark: "added"}
		for i, was := range before {
			if used[i] || was.Source != is.Source {
				continue
			}
			used[i], pair.Now, pair.Mark = true, was.Name, ""
			if was.Name != is.Name || was.Value != is.Value {
				pair.Mark = "changed"
			}
			break
		}
		list = append(list, pair)
	}
	for i, was := range before {
		if !used[i] {
			list = append(list, propertyPair{Source: was.Source, Now: was.Name, Value: was.Value, Mark: "removed"})
		}
	}
	return list
}
