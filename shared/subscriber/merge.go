package subscriber

import "slices"

// ScopedUpdate is a claim, and which purchases count for the profile that comes with it.
type ScopedUpdate struct {
	Update Update
	Scope  Scope
}

// Merge applies all that a batch says of a subscriber, and answers each statement as if it had come alone, in the order of time: what they leave
// in a profile is what they would leave one after the other. But all of them say the same of the user, what is true in the end. changed
// tells whether the state is another one now.
func (s State) Merge(statements []ScopedUpdate) (merged State, answers []Decision, changed bool) {
	order := make([]int, len(statements))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return statements[a].Update.At.Compare(statements[b].Update.At) })
	merged, answers = s.Clone(), make([]Decision, len(statements))
	for _, i := range order {
		older, news := merged.Apply(statements[i].Update)
		answers[i] = merged.Decide(statements[i].Update, older, statements[i].Scope)
		changed = changed || news
	}
	for i := range answers {
		answers[i].Active = merged.Decide(statements[i].Update, false, statements[i].Scope).Active
	}
	return merged, answers, changed
}
