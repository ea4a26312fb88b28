package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// explanation is what becomes of a batch, and what explain --json prints.
type explanation struct {
	Webhooks []outcome    `json:"webhooks"`
	Uploads  []upload     `json:"uploads"`
	States   []stateAfter `json:"states,omitempty"` // with --state only
}

type outcome struct {
	Event   string   `json:"event"` // empty if the webhook cannot be read
	Outcome string   `json:"outcome"`
	Reason  string   `json:"reason"`
	Cause   string   `json:"cause"`
	Account string   `json:"account"` // empty if nothing is sent
	Notes   []note   `json:"notes"`
	Drift   []string `json:"drift"`
	Hints   []string `json:"hints"`
}

// note says what was dropped or changed, by which rule. File, line and column are those of the integration file.
type note struct {
	Subject string `json:"subject"`
	Name    string `json:"name"`
	Sent    string `json:"sent"` // the name under which it is sent; empty: it is not
	Rule    string `json:"rule"`
	Key     string `json:"key"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

type upload struct {
	Account string         `json:"account"`
	Records int            `json:"records"`
	Bytes   int            `json:"bytes"`
	Body    jsontext.Value `json:"body"`
}

type stateAfter struct {
	Kind  string         `json:"kind"` // user, anonymous, device or purchase
	ID    string         `json:"id"`
	State jsontext.Value `json:"state"` // by account
}

func (o *outcome) addNote(n mapping.Explanation, file string) {
	added := note{n.Subject, n.Name, n.Sent, n.Rule, n.Origin.Rule, "", n.Origin.Line, n.Origin.Column}
	if n.Origin.Line > 0 {
		added.File = file
	}
	o.Notes = append(o.Notes, added)
}

func (x explanation) rejected() bool {
	return slices.ContainsFunc(x.Webhooks, func(o outcome) bool { return o.Outcome == forward.Rejected.String() })
}

func (x explanation) text() string {
	var b strings.Builder
	for i, o := range x.Webhooks {
		if i > 0 {
			fmt.Fprintln(&b)
		}
		if len(x.Webhooks) > 1 {
			fmt.Fprintf(&b, "webhook %d, ", i+1)
		}
		o.write(&b)
	}
	for _, u := range x.Uploads {
		fmt.Fprintf(&b, "\nupload to the %s account, %s, %s:\n%s\n",
			u.Account, cli.Quantity(u.Records, "record"), cli.Quantity(u.Bytes, "byte"), u.Body)
	}
	for _, s := range x.States {
		fmt.Fprintf(&b, "\nstored afterwards of %s %s:\n%s\n", s.Kind, s.ID, s.State)
	}
	return b.String()
}

func (o outcome) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %s", cmp.Or(o.Event, "unreadable"), o.Outcome)
	switch {
	case o.Account != "":
		fmt.Fprintf(b, " to the %s account\n", o.Account)
	case o.Cause != "":
		fmt.Fprintf(b, ", %s: %s\n", o.Reason, o.Cause)
	default:
		fmt.Fprintf(b, ", %s\n", o.Reason)
	}
	for _, g := range groupNotes(o.Notes) {
		fmt.Fprint(b, g)
	}
	if len(o.Drift) > 0 {
		fmt.Fprintf(b, "  drift, not in the catalogue: %s\n", strings.Join(o.Drift, ", "))
	}
	for _, h := range o.Hints {
		fmt.Fprintf(b, "  hint: %s\n", h)
	}
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
func groupNotes(notes []note) (groups []noteGroup) {
	for _, n := range notes {
		g := noteGroup{subject: n.Subject, treatment: "changed", because: n.because()}
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
	case n.Line > 0:
		return fmt.Sprintf("%s (%s:%d:%d, %s)", rule, n.File, n.Line, n.Column, key)
	case key != "" && key != rule:
		return fmt.Sprintf("%s (%s)", rule, key)
	default:
		return rule
	}
}
