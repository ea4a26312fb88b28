package webhook

// nearest looks for the name that takes the fewest edits to become a misspelt one. Ties go to the name offered first.
type nearest struct {
	name, best string
	distance   int      // of best; names at this distance or above are no better
	rows       [3][]int // of the edit matrix
}

// newNearest accepts two edits, and one more for every four letters beyond eight: more is another word.
func newNearest(name string) *nearest {
	return &nearest{name: name, distance: max(2, len(name)/4) + 1}
}

func (n *nearest) offer(candidate string) {
	if d := n.edits(candidate); d < n.distance {
		n.best, n.distance = candidate, d
	}
}

// edits counts insertions, deletions, replacements and swaps of neighbours between the two names, byte by byte: the
// vendor's names are ASCII.
func (n *nearest) edits(candidate string) int {
	width := len(candidate) + 1
	for i := range n.rows {
		n.rows[i] = append(n.rows[i][:0], make([]int, width)...)
	}
	before, above, row := n.rows[0], n.rows[1], n.rows[2]
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(n.name); i++ {
		row[0] = i
		for j := 1; j < width; j++ {
			same := n.name[i-1] == candidate[j-1]
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost(same))
			if i > 1 && j > 1 && n.name[i-1] == candidate[j-2] && n.name[i-2] == candidate[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[width-1]
}

func cost(same bool) int {
	if same {
		return 0
	}
	return 1
}
