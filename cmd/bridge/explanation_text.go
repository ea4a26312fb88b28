package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// text is the explanation for people. file names the integration file.
func (x explanation) text(file string) string {
	var b strings.Builder
	for i, v := range x.webhooks {
		if i > 0 {
			fmt.Fprintln(&b)
		}
		if len(x.webhooks) > 1 {
			fmt.Fprintf(&b, "webhook %d, ", i+1)
		}
		v.tell(&b, file)
	}
	for _, u := range x.uploads {
		fmt.Fprintf(&b, "\nupload to the %s account, %s, %s:\n%s\n", u.account, quantity(u.records, "record"), quantity(len(u.body), "byte"), u.body)
	}
	for _, a := range x.states {
		fmt.Fprintf(&b, "\nstored afterwards of %s %s:\n%s\n", a.subscriber.Kind, a.subscriber.ID, a.state.Encode())
	}
	return b.String()
}

// tell adds what becomes of one webhook.
func (v verdict) tell(b *strings.Builder, file string) {
	switch v.outcome {
	case "rejected":
		fmt.Fprintf(b, "%s: rejected, %s", v.name(), v.reason)
		if v.cause != nil {
			fmt.Fprintf(b, ": %v", v.cause)
		}
		fmt.Fprintln(b)
	case "skipped":
		fmt.Fprintf(b, "%s: skipped, %s\n", v.name(), v.reason)
	default:
		fmt.Fprintf(b, "%s: delivered to the %s account\n", v.name(), v.account)
	}
	for _, g := range groupNotes(v.notes, file) {
		fmt.Fprint(b, g)
	}
	if len(v.drift) > 0 {
		fmt.Fprintf(b, "  drift, not in the catalogue: %s\n", strings.Join(v.drift, ", "))
	}
	for _, h := range v.hints {
		fmt.Fprintf(b, "  hint: %s\n", h)
	}
}

// name is the event's name, or what stands for it in a webhook that cannot be read.
func (v verdict) name() string {
	if v.event == "" {
		return "unreadable"
	}
	return v.event
}

// noteGroup is all that one rule did to things of one kind.
type noteGroup struct {
	subject, treatment, because string
	names                       []string
}

// String is the group over two lines.
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

// subjects in the order in which they are told.
var subjects = []string{"message", "event", "charged", "property", "profile", "user property"}

// groupNotes tells each rule once per kind of thing, in the order in which the rules first applied.
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

// because is the rule and where it stands. The thing's own name is left out of it, so that equal rules read the same.
func because(n mapping.Note, file string) string {
	rule, key := unnamed(n.Rule, n.Name), unnamed(n.Origin.Rule, n.Name)
	switch {
	case n.Origin.Line > 0:
		return fmt.Sprintf("%s (%s:%d:%d, %s)", rule, file, n.Origin.Line, n.Origin.Column, key)
	case key != "" && key != rule:
		return fmt.Sprintf("%s (%s)", rule, key)
	default:
		return rule
	}
}

// unnamed says "it" for a name that stands alone among the words.
func unnamed(text, name string) string {
	words := strings.Split(text, " ")
	for i := range words {
		if words[i] == name && name != "" {
			words[i] = "it"
		}
	}
	return strings.Join(words, " ")
}
