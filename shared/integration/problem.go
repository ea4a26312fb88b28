package integration

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity of a problem.
type Severity uint8

// The severities. Only errors stop the forwarder.
const (
	Error Severity = iota
	Warning
	Hint
)

// String returns the severity in a list of problems.
func (s Severity) String() string {
	return [...]string{"error", "warning", "hint"}[s]
}

// Problem is one problem of a file.
type Problem struct {
	Severity     Severity
	Path         string // the file's name
	Line, Column int    // counted from 1, the column in characters
	Where        string // the key's path: apps.demo.server_events.events.ACTIVTE; empty: the file as a whole
	Message      string // what is wrong
	Advice       string // what would be right
}

// String returns the problem on one line, without its severity.
func (p Problem) String() string {
	where := ""
	if p.Where != "" {
		where = p.Where + ": "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s; %s", p.Path, p.Line, p.Column, where, p.Message, p.Advice)
}

// Problems are all problems of a file, in the order of their lines.
type Problems []Problem

// Failed reports whether any problem is an error.
func (p Problems) Failed() bool {
	return slices.ContainsFunc(p, func(one Problem) bool { return one.Severity == Error })
}

// Error returns one line for each error: file, line, column, key, what is wrong and what would be right. It leaves out
// warnings and hints, and is empty if there is no error.
func (p Problems) Error() string {
	var lines []string
	for _, one := range p {
		if one.Severity == Error {
			lines = append(lines, one.String())
		}
	}
	return strings.Join(lines, "\n")
}

// place is a line and a column of the file, counted from 1; the zero place is unknown.
type place struct{ line, column int }

func (p place) known() bool { return p.line > 0 }

// report collects the problems of a file.
type report struct {
	path     string
	problems Problems
	seen     map[seen]bool
}

// seen identifies a problem, which is reported once even if several apps share a part of the file through an alias.
type seen struct {
	at      place
	message string
}

func (r *report) reported(at place, message string) bool { return r.seen[seen{at, message}] }

// add reports a problem, once. If its place is unknown, that is the beginning of the file.
func (r *report) add(severity Severity, at place, where, message, advice string) {
	at = cmp.Or(at, place{1, 1})
	if r.reported(at, message) {
		return
	}
	if r.seen == nil {
		r.seen = make(map[seen]bool)
	}
	r.seen[seen{at, message}] = true
	r.problems = append(r.problems, Problem{
		Severity: severity, Path: r.path, Line: at.line, Column: at.column,
		Where: where, Message: message, Advice: advice,
	})
}

// fault reports an error.
func (r *report) fault(at place, where, message, advice string) {
	r.add(Error, at, where, message, advice)
}

// sorted returns the problems in the order of their places.
func (r *report) sorted() Problems {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.problems
}
