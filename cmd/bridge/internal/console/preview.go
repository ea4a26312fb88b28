package console

import (
	"context"
	"slices"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/explain"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/settings"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// preview is what becomes of a webhook now, and after a change.
type preview struct {
	Changes    []settings.Change
	Comparison settings.Comparison
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

// defaultSample is one that everybody knows.
const defaultSample = "SUBSCRIPTION_STARTED"

func newChoice(name, body string) webhookChoice {
	events, _ := settings.Samples()
	if !slices.Contains(events, name) {
		name = defaultSample
	}
	return webhookChoice{Sample: name, Body: body, Events: events}
}

// webhook is the chosen one.
func (c webhookChoice) webhook() []byte {
	if bodies := stored.Split([]byte(c.Body)); len(bodies) > 0 {
		return bodies[0]
	}
	events, bodies := settings.Samples()
	return bodies[slices.Index(events, c.Sample)]
}

// newPreview takes a webhook, and samples of all events, through both files. after is nil if it would be faulty.
func newPreview(ctx context.Context, before, after *integration.File, app string, c webhookChoice) preview {
	p := preview{Faulty: after == nil}
	if after == nil {
		after = before
	}
	body, received := c.webhook(), time.Now()
	view := func(file *integration.File) (v explain.View) {
		if file.Apps[app] == nil {
			return explain.View{Verdict: "The app is not in this file."}
		}
		w := explain.Batch{File: file, App: app, Bodies: [][]byte{body}, Received: received, SandboxAccount: true}
		v, err := w.View(ctx)
		if err != nil {
			p.Error = err.Error()
		}
		return v
	}
	p.Now, p.After = view(before), view(after)
	p.Records = recordPairs(p.Now.Records, p.After.Records)
	p.Changes = settings.Diff(before, after)
	if before.Apps[app] != nil && after.Apps[app] != nil {
		var err error
		if p.Comparison, err = settings.CompareApp(ctx, before, after, app); err != nil {
			p.Error = err.Error()
		}
	}
	return p
}

// match pairs what was there before with what is there after a change, by a key, and ends with what is gone. What is
// missing is empty.
func match[T any](before, after []T, key func(T) string) (pairs [][2]T) {
	var none T
	left := slices.Clone(before)
	for _, is := range after {
		was := none
		if i := slices.IndexFunc(left, func(t T) bool { return key(t) == key(is) }); i >= 0 {
			was, left = left[i], slices.Delete(left, i, i+1)
		}
		pairs = append(pairs, [2]T{was, is})
	}
	for _, was := range left {
		pairs = append(pairs, [2]T{was, none})
	}
	return pairs
}

func recordPairs(before, after []explain.ViewRecord) (list []recordPair) {
	for _, p := range match(before, after, func(r explain.ViewRecord) string { return r.Kind }) {
		was, is := p[0], p[1]
		pair := recordPair{Title: is.Title, Whose: is.Whose, Properties: propertyPairs(was.Properties, is.Properties)}
		switch {
		case was.Kind == "":
			pair.Mark = "added"
		case is.Kind == "":
			pair.Title, pair.Whose, pair.Mark = was.Title, was.Whose, "removed"
		case was.Title != is.Title:
			pair.Before = was.Title
		}
		list = append(list, pair)
	}
	return list
}

func propertyPairs(before, after []explain.ViewProperty) (list []propertyPair) {
	for _, p := range match(before, after, func(p explain.ViewProperty) string { return p.Source }) {
		was, is := p[0], p[1]
		pair := propertyPair{Source: is.Source, Now: was.Name, After: is.Name, Value: is.Value}
		switch {
		case was.Name == "":
			pair.Mark = "added"
		case is.Name == "":
			pair.Source, pair.Value, pair.Mark = was.Source, was.Value, "removed"
		case was != is:
			pair.Mark = "changed"
		}
		list = append(list, pair)
	}
	return list
}
