package holder

import "slices"

// Statement is a claim, and which purchases count for the profile that comes with it.
type Statement struct {
	Claim Claim
	Scope Scope
}

// Merge applies all that a batch says of a holder, and answers each statement as if it had come alone, in the order of time: what they leave
// in a profile is what they would leave one after the other. But all of them say the same of the user, what is true in the end. changed
// tells whether the state is another one now.
func (s State) Merge(statements []Statement) (merged State, answers []Answer, changed bool) {
	order := make([]int, len(statements))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return statements[a].Claim.At.Compare(statements[b].Claim.At) })
	merged, answers = s.Clone(), make([]Answer, len(statements))
	for _, i := range order {
		older, news := merged.Apply(statements[i].Claim)
		answers[i] = merged.Answer(statements[i].Claim, older, statements[i].Scope)
		changed = changed || news
	}
	for i := range answers {
		answers[i].Active = merged.Answer(statements[i].Claim, false, statements[i].Scope).Active
	}
	return merged, answers, changed
}
