package webhook

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// table reads a catalogue file line by line and collects what is wrong with it, so that one run tells every mistake.
type table struct {
	file   string
	reader *csv.Reader
	header []string
	cells  []string // of the present line
	faults []error
}

// openTable starts to read a file whose first line names exactly these columns.
func openTable(file, text string, columns []string) *table {
	t := &table{file: file, reader: csv.NewReader(strings.NewReader(text))}
	header, err := t.reader.Read()
	if err != nil || !slices.Equal(header, columns) {
		t.faults = append(t.faults, fmt.Errorf("%s: first line is not %s", file, strings.Join(columns, ",")))
		return t
	}
	t.header = header
	return t
}

// next goes on to the next line; false: there is none.
func (t *table) next() bool {
	if t.header == nil {
		return false
	}
	cells, err := t.reader.Read()
	if err != nil {
		if err != io.EOF {
			t.faults = append(t.faults, fmt.Errorf("%s: %w", t.file, err))
		}
		return false
	}
	t.cells = cells
	return true
}

// cell gives a column by its name.
func (t *table) cell(column string) string { return t.cells[slices.Index(t.header, column)] }

// word gives a column that must hold one of the allowed words.
func (t *table) word(column string, allowed []string) string {
	cell := t.cell(column)
	t.require(slices.Contains(allowed, cell), column, "the unknown word "+cell)
	return cell
}

// choice is [table.word] for an enumeration: the word's place in the list is its value.
func choice[T ~uint8](t *table, column string, allowed []string) T {
	return T(max(0, slices.Index(allowed, t.word(column, allowed)))) //nolint:gosec // The lists have a handful of words.
}

// list splits a column at its bars; nil: it is empty. If allowed is nil, any word is.
func (t *table) list(column string, allowed []string) []string {
	cell := t.cell(column)
	if cell == "" {
		return nil
	}
	words := strings.Split(cell, "|")
	for i, word := range words {
		t.require(word != "" && !slices.Contains(words[:i], word), column, "an empty or repeated word")
		t.require(allowed == nil || slices.Contains(allowed, word), column, "the unknown word "+word)
	}
	return words
}

// require notes a fault of the present line unless ok.
func (t *table) require(ok bool, column, has string) {
	if !ok {
		line, _ := t.reader.FieldPos(0)
		t.faults = append(t.faults, fmt.Errorf("%s:%d: %s of %s has %s", t.file, line, column, t.cells[0], has))
	}
}

// err joins all that was found.
func (t *table) err() error { return errors.Join(t.faults...) }
