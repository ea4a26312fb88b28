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

// String is the severity in a list of problems.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	default:
		return "hint"
	}
}

// Problem is one finding in a file.
type Problem struct {
	Severity     Severity
	Path         string // the file's name
	Line, Column int    // counted from 1, the column in characters
	Where        string // the key's path: apps.demo.server_events.events.ACTIVTE; empty: the file as a whole
	Message      string // what is wrong
	Advice       string // what would be right
}

// String is the problem on one line, without its severity.
func (p Problem) String() string {
	where := ""
	if p.Where != "" {
		where = p.Where + ": "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s; %s", p.Path, p.Line, p.Column, where, p.Message, p.Advice)
}

// Problems are all findings in the order of their lines. Its Error method has one line for each error.
type Problems []Problem

// Failed tells whether any problem is an error.
func (p Problems) Failed() bool {
	return slices.ContainsFunc(p, func(one Problem) bool { return one.Severity == Error })
}

// Error gives one line for each error: file, line, column, key, what is wrong and what would be right. Warnings and hints
// are left out; it is empty if there is no error.
func (p Problems) Error() string {
	var lines []string
	for _, one := range p {
		if one.Severity == Error {
			lines = append(lines, one.String())
		}
	}
	return strings.Join(lines, "\n")
}

// place is where something stands in the file, counted from 1; the zero place is nowhere.
type place struct{ line, column int }

// known tells whether the file has a line for it.
func (p place) known() bool { return p.line > 0 }

// report collects the problems of a file.
type report struct {
	path     string
	problems Problems
	told     map[finding]bool
}

// finding is a problem as far as it must not be told twice: a part of the file that several apps share through an alias is
// judged for each of them.
type finding struct {
	at      place
	message string
}

// knows tells whether a problem has been noted, for those that are dear to find advice for.
func (r *report) knows(at place, message string) bool { return r.told[finding{at, message}] }

// add notes a problem, once. What stands nowhere is told at the beginning of the file.
func (r *report) add(severity Severity, at place, where, message, advice string) {
	if !at.known() {
		at = place{1, 1}
	}
	if r.knows(at, message) {
		return
	}
	if r.told == nil {
		r.told = make(map[finding]bool)
	}
	r.told[finding{at, message}] = true
	r.problems = append(r.problems, Problem{
		Severity: severity, Path: r.path, Line: at.line, Column: at.column, Where: where, Message: message, Advice: advice,
	})
}

// fault notes an error.
func (r *report) fault(at place, where, message, advice string) {
	r.add(Error, at, where, message, advice)
}

// sorted gives the problems in the order of their places, those of one place in the order in which they were found.
func (r *report) sorted() Problems {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.problems
}
