package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// rejected reports whether a webhook can never be delivered.
func (x explanation) rejected() bool {
	return slices.ContainsFunc(x.webhooks, func(o outcome) bool { return o.Outcome == forward.Rejected })
}

// text is the explanation for people. file names the integration file.
func (x explanation) text(file string) string {
	var b strings.Builder
	for i, o := range x.webhooks {
		if i > 0 {
			fmt.Fprintln(&b)
		}
		if len(x.webhooks) > 1 {
			fmt.Fprintf(&b, "webhook %d, ", i+1)
		}
		o.write(&b, file)
	}
	for _, u := range x.uploads {
		fmt.Fprintf(&b, "\nupload to the %s account, %s, %s:\n%s\n",
			u.account, cli.Quantity(u.records, "record"), cli.Quantity(len(u.body), "byte"), u.body)
	}
	for _, s := range x.states {
		fmt.Fprintf(&b, "\nstored afterwards of %s %s:\n%s\n", s.subscriber.Kind, s.subscriber.ID, s.text)
	}
	return b.String()
}

// write adds what becomes of one webhook.
func (o outcome) write(b *strings.Builder, file string) {
	name := o.name
	if name == "" {
		name = "unreadable"
	}
	switch {
	case o.Outcome == forward.Delivered:
		fmt.Fprintf(b, "%s: delivered to the %s account\n", name, o.account())
	case o.Outcome == forward.Rejected && o.Fault.Err != nil:
		fmt.Fprintf(b, "%s: rejected, %s: %v\n", name, o.Fault.Reason, o.Fault.Err)
	default:
		fmt.Fprintf(b, "%s: %s, %s\n", name, o.Outcome, o.Fault.Reason)
	}
	for _, g := range groupNotes(o.notes, file) {
		fmt.Fprint(b, g)
	}
	if len(o.Drift) > 0 {
		fmt.Fprintf(b, "  drift, not in the catalogue: %s\n", strings.Join(o.Drift, ", "))
	}
	for _, h := range o.hints {
		fmt.Fprintf(b, "  hint: %s\n", h)
	}
}

// account is where the webhook's records go, empty if nowhere.
func (o outcome) account() string {
	if o.Outcome != forward.Delivered {
		return ""
	}
	host, _, _ := strings.Cut(o.Account, "/")
	return host
}

// noteGroup is everything that one rule did to things of one kind.
type noteGroup struct {
	subject, treatment, because string
	names                       []string
}

// String is the group on two lines.
func (g noteGroup) String() string {
	subject := g.subject
	if stem, ok := strings.CutSuffix(subject, "y"); ok && len(g.names) > 1 {
		subject = stem + "ies"
	}
	if len(g.names) == 0 {
		return fmt.Sprintf("  %s %s: %s\n", subject, g.treatment, g.because)
	}
	return fmt.Sprintf("  %s %s: %s\n      %s\n", subject, g.treatment, strings.Join(g.names, ", "), g.because)
}

// subjects in the order in which they are shown.
var subjects = []string{"message", "event", "charged", "property", "profile", "user property"}

// groupNotes shows each rule once per kind of thing, in the order in which the rules first applied.
func groupNotes(notes []mapping.Note, file string) (groups []noteGroup) {
	for _, n := range notes {
		g := noteGroup{subject: n.Subject, treatment: "changed", because: because(n, file)}
		name := n.Name
		if n.Sent == "" {
			g.treatment = "not sent"
		} else if n.Sent != n.Name {
			name += " as " + n.Sent
		}
		i := slices.IndexFunc(groups, func(o noteGroup) bool {
			return o.subject == g.subject && o.treatment == g.treatment && o.because == g.because
		})
		if i < 0 {
			i, groups = len(groups), append(groups, g)
		}
		if name != "" {
			groups[i].names = append(groups[i].names, name)
		}
	}
	slices.SortStableFunc(groups, func(a, b noteGroup) int {
		return slices.Index(subjects, a.subject) - slices.Index(subjects, b.subject)
	})
	return groups
}

// because is the rule and its place. The thing's own name is left out of it, so that equal rules read the same.
func because(n mapping.Note, file string) string {
	rule, key := withoutName(n.Rule, n.Name), withoutName(n.Origin.Rule, n.Name)
	switch {
	case n.Origin.Line > 0:
		return fmt.Sprintf("%s (%s:%d:%d, %s)", rule, file, n.Origin.Line, n.Origin.Column, key)
	case key != "" && key != rule:
		return fmt.Sprintf("%s (%s)", rule, key)
	default:
		return rule
	}
}

// withoutName writes "it" for a name that is a word of its own.
func withoutName(text, name string) string {
	words := strings.Split(text, " ")
	for i := range words {
		if words[i] == name && name != "" {
			words[i] = "it"
		}
	}
	return strings.Join(words, " ")
}

// result is what explain --json prints.
type result struct {
	Webhooks []webhookResult `json:"webhooks"`
	Uploads  []uploadResult  `json:"uploads"`
	States   []stateResult   `json:"states,omitempty"` // with --state only
}

type webhookResult struct {
	Event   string       `json:"event"`
	Outcome string       `json:"outcome"`
	Reason  string       `json:"reason"`
	Cause   string       `json:"cause"`
	Account string       `json:"account"`
	Notes   []noteResult `json:"notes"`
	Drift   []string     `json:"drift"`
	Hints   []string     `json:"hints"`
}

type noteResult struct {
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Sent    string `json:"sent"`
	Rule    string `json:"rule"`
	Key     string `json:"key"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

type uploadResult struct {
	Account string         `json:"account"`
	Records int            `json:"records"`
	Bytes   int            `json:"bytes"`
	Body    jsontext.Value `json:"body"`
}

type stateResult struct {
	Kind  string         `json:"kind"` // user, anonymous, device or purchase
	ID    string         `json:"id"`
	State jsontext.Value `json:"state"`
}

// json is the explanation for programs; lists are never null. file names the integration file.
func (x explanation) json(file string) result {
	out := result{Webhooks: []webhookResult{}, Uploads: []uploadResult{}}
	for _, o := range x.webhooks {
		w := webhookResult{
			Event: o.name, Outcome: o.Outcome.String(), Account: o.account(),
			Notes: []noteResult{}, Drift: o.Drift, Hints: o.hints,
		}
		if o.Fault != nil {
			w.Reason = string(o.Fault.Reason)
			if o.Fault.Err != nil {
				w.Cause = o.Fault.Err.Error()
			}
		}
		for _, n := range o.notes {
			note := noteResult{
				Subject: n.Subject, Name: n.Name, Sent: n.Sent, Rule: n.Rule,
				Key: n.Origin.Rule, Line: n.Origin.Line, Column: n.Origin.Column,
			}
			if n.Origin.Line > 0 {
				note.File = file
			}
			w.Notes = append(w.Notes, note)
		}
		out.Webhooks = append(out.Webhooks, w)
	}
	for _, u := range x.uploads {
		out.Uploads = append(out.Uploads, uploadResult{u.account, u.records, len(u.body), u.body})
	}
	for _, s := range x.states {
		state := stateResult{s.subscriber.Kind.String(), s.subscriber.ID, jsontext.Value(s.text)}
		out.States = append(out.States, state)
	}
	return out
}
