package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Output is how a command prints its result: as text for people, or with --json for programs.
type Output struct{ asJSON bool }

// JSONFlag declares --json.
func (o *Output) JSONFlag(cmd *cobra.Command, usage string) {
	cmd.Flags().BoolVar(&o.asJSON, "json", false, usage)
}

// JSON reports whether --json was given.
func (o *Output) JSON() bool { return o.asJSON }

// Print prints the text or, with --json, the value on one line. Raw JSON values keep their bytes.
func (o *Output) Print(cmd *cobra.Command, value any, text string) error {
	if o.asJSON {
		line, err := json.Marshal(value, json.Deterministic(true), jsontext.PreserveRawStrings(true),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if err != nil {
			return fmt.Errorf("output: %w", err)
		}
		text = string(line) + "\n"
	}
	return PrintText(cmd, text)
}

// Conclude prints as Print does, and returns the error that the command ends with.
func (o *Output) Conclude(cmd *cobra.Command, value any, text string, end error) error {
	if err := o.Print(cmd, value, text); err != nil {
		return err
	}
	return end
}

// PrintText prints to standard output.
func PrintText(cmd *cobra.Command, text string) error {
	if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// Quantity is a number with its noun: 1 error, 2 errors.
func Quantity(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Printable is a text of others in a line: it is quoted if it holds what a line must not.
func Printable(text string) string {
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}

// Table aligns the columns of rows.
func Table(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // it writes to memory
	return b.String()
}

// Ago is an age in its two largest units.
func Ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd %dh", d/day, d%day/time.Hour)
	}
}

// Progress is a bar on a terminal, and nothing elsewhere: a log full of bars helps nobody.
type Progress struct{ bar *progressbar.ProgressBar }

// NewProgress shows a bar for a number of things, -1 if it is unknown.
func NewProgress(cmd *cobra.Command, doing string, total int) *Progress {
	file, ok := cmd.ErrOrStderr().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return &Progress{}
	}
	return &Progress{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(file), progressbar.OptionSetDescription(doing),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetTheme(progressbar.ThemeASCII))}
}

// Add moves the bar. A bar that cannot be drawn is no reason to stop.
func (p *Progress) Add(n int) {
	if p.bar != nil {
		_ = p.bar.Add(n)
	}
}

// Done removes the bar.
func (p *Progress) Done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
