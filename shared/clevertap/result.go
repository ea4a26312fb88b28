package clevertap

import (
	"bytes"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// result is what an answer says about one record.
type result struct {
	class class
	code  int // of a refusal; 0: none
}

// status gives the HTTP status that an answer with 200 stands for: the credentials can be refused that way too.
func (a *answer) status() int {
	if len(a.refusals) == 0 && !a.success && (a.code == http.StatusUnauthorized || a.code == http.StatusForbidden) {
		return a.code
	}
	return http.StatusOK
}

// results gives one result for each of n records. A record is accepted only if the answer accounts for it: either it reports
// success for all of them and refuses none, or those that it refuses, all known by name, and those that it processed make up
// all of them. Otherwise the refused ones that are known by name are refused, and the others uncertain.
func (a *answer) results(n int, record func(int) []byte) []result {
	results := make([]result, n)
	if len(a.refusals) == 0 {
		if !a.success || a.processed != n {
			fill(results, uncertain)
		}
		return results
	}
	l := lineup{record: record, faces: make([]*face, n)}
	named, strays := 0, 0
	for i := range a.refusals {
		r := &a.refusals[i]
		place := l.find(r)
		if place < 0 {
			strays++
			continue
		}
		was := &results[place]
		if was.class == accepted {
			named++
		}
		if c := classify(r.code); c > was.class {
			*was = result{c, r.code}
		}
	}
	if strays > 0 || a.processed < 0 || a.processed != n-named {
		for i := range results {
			if results[i].class == accepted {
				results[i].class = uncertain
			}
		}
	}
	return results
}

func fill(results []result, c class) {
	for i := range results {
		results[i].class = c
	}
}

// lineup finds the record that a refusal is about. It reads the records' own bytes only when it has to.
type lineup struct {
	record func(int) []byte
	faces  []*face
}

// find gives the record's index, or -1 if the refusal names none for certain.
func (l *lineup) find(r *refusal) int {
	switch {
	case r.named && (r.place < 1 || r.place > len(l.faces)):
		return -1
	case r.named:
		return l.confirm(r.place-1, r)
	case len(l.faces) == 1:
		return l.confirm(0, r) // whom else could it be about
	}
	found := -1
	for i := range l.faces {
		if r.echo.fits(l.face(i)) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// confirm gives the index that a refusal names, unless its echo clearly shows another record: by another event_id, or by
// fitting one of the others. An echo that fits nobody was changed on its way, and decides nothing.
func (l *lineup) confirm(place int, r *refusal) int {
	if r.echo == (face{}) || !r.echo.denies(l.face(place)) {
		return place
	}
	if r.echo.id.denies(l.face(place).id) {
		return -1
	}
	for i := range l.faces {
		if r.echo.fits(l.face(i)) {
			return -1
		}
	}
	return place
}

// face reads a record's face once. A record that cannot be read has an empty one, which fits nothing.
func (l *lineup) face(i int) *face {
	if l.faces[i] == nil {
		f, err := readFace(jsontext.NewDecoder(bytes.NewReader(l.record(i)), lenient))
		if err != nil {
			f = face{}
		}
		l.faces[i] = &f
	}
	return l.faces[i]
}
