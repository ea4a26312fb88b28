package integration

import "strings"

// nearest gives the word that a misspelt one probably means, "" if none is near: at most a third of its letters differ,
// whatever their case.
func nearest(name string, words []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, word := range words {
		if d := distance(strings.ToLower(name), strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	return best
}

// distance counts the bytes to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal = row[j+1]
			row[j+1] = cost
		}
	}
	return row[len(b)]
}
