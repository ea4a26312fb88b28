package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// headings of the table. All but the first and the third are numbers, or end in one.
var headings = []string{"figure", "measured", "unit", "floor", "× floor", "plain", "× less", "aim"}

// table writes all rows in Markdown's form, padded for the eye.
func table(o output) (string, error) {
	lines := [][]string{headings}
	var missing []error
	for _, r := range rows {
		cells, err := r.cells(o)
		lines, missing = append(lines, cells), append(missing, err)
	}
	if err := errors.Join(missing...); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, median of %d\n\n", o.machine, o.rounds())
	widths := make([]int, len(headings))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, cells := range lines {
		writeLine(&b, cells, widths)
		if i == 0 {
			writeRule(&b, widths)
		}
	}
	return b.String(), nil
}

// left tells which columns are texts.
func left(column int) bool { return column == 0 || column == 2 }

func writeLine(b *strings.Builder, cells []string, widths []int) {
	for i, cell := range cells {
		space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if left(i) {
			b.WriteString("| " + cell + space + " ")
		} else {
			b.WriteString("| " + space + cell + " ")
		}
	}
	b.WriteString("|\n")
}

func writeRule(b *strings.Builder, widths []int) {
	for i, width := range widths {
		if left(i) {
			b.WriteString("|" + strings.Repeat("-", width+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", width+1) + ":")
		}
	}
	b.WriteString("|\n")
}

// cells are a row's texts; the error names every figure that it lacks.
func (r row) cells(o output) ([]string, error) {
	measured, missing := o.median(r.of)
	floor, err := o.median(r.floor.figure)
	missing = errors.Join(missing, err)
	plain := math.NaN()
	if r.plain.name != "" {
		plain, err = o.median(r.plain.figure)
		missing = errors.Join(missing, err)
	}
	measured, floor, plain = measured/r.unit.of, floor/r.unit.of, plain/r.unit.of
	cells := []string{r.name, number(measured), r.unit.name, r.floor.name + " " + number(floor), number(measured / floor), "", "", ""}
	if r.plain.name != "" {
		cells[5], cells[6] = r.plain.name+" "+number(plain), number(plain/measured)
	}
	if r.aim != nil {
		text, met := r.aim(measured, floor, plain)
		cells[7] = text + map[bool]string{true: ", met", false: ", missed"}[met]
	}
	return cells, missing
}

// number writes three digits or more.
func number(v float64) string {
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	if v == 0 {
		digits = 0
	}
	return fmt.Sprintf("%.*f", max(digits, 0), v)
}

// aim says what a figure should be, and whether it is.
type aim func(measured, floor, plain float64) (text string, met bool)

func below(most float64) aim {
	return func(measured, _, _ float64) (string, bool) { return fmt.Sprintf("< %v", most), measured < most }
}

func above(most float64) aim {
	return func(measured, floor, _ float64) (string, bool) {
		return fmt.Sprintf("≤ floor + %v", most), measured-floor <= most
	}
}

func timesLess(least float64) aim {
	return func(measured, _, plain float64) (string, bool) {
		return fmt.Sprintf("≥ %v × less", least), plain >= least*measured
	}
}
