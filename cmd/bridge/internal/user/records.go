package user

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// maxShown is how many faulty lines of a file are printed.
const maxShown = 20

// layout says what the lines of a file may hold.
type layout struct {
	of       string // whom the lines are about, for people
	columns  []string
	required []string // which a header must name
}

// readRecords reads a file of CSV with a header, or of JSON lines, and makes a record of the fields of each line. It
// goes on after a faulty line, so that all faults are reported at once, each with its line.
func readRecords[T any](
	cmd *cobra.Command, path string, l layout, newRecord func(fields map[string]string) (T, error),
) (records []T, err error) {
	text, err := cli.ReadText(cmd, path)
	if err != nil {
		return nil, cli.Usagef("name a file with "+l.of+", or - for standard input", "%s: %w", l.of, err)
	}
	var problems []string
	add := func(line int, fields map[string]string, err error) {
		var record T
		if err == nil {
			record, err = newRecord(fields)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", line, err))
			return
		}
		records = append(records, record)
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		l.readJSONLines(text, add)
	} else {
		l.readCSV(text, add)
	}
	if len(records)+len(problems) == 0 {
		problems = []string{"there is nothing in it"}
	}
	if len(problems) == 0 {
		return records, nil
	}
	for _, problem := range problems[:min(len(problems), maxShown)] {
		cmd.PrintErrf("%s: %s\n", path, problem)
	}
	if more := len(problems) - maxShown; more > 0 {
		cmd.PrintErrf("and %d more\n", more)
	}
	return nil, cli.Findingf("'"+cmd.CommandPath()+" --help' shows what a line looks like",
		"%s; nothing was stored", cli.Quantity(len(problems), "faulty line"))
}

// readCSV reads fields between commas or, as spreadsheets write them where the comma is the decimal sign, semicolons.
func (l layout) readCSV(text []byte, add func(line int, fields map[string]string, err error)) {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord = -1
	first, _, _ := bytes.Cut(text, []byte("\n"))
	if bytes.Contains(first, []byte(";")) && !bytes.Contains(first, []byte(",")) {
		reader.Comma = ';'
	}
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return
	}
	if err == nil {
		err = l.checkHeader(header)
	}
	if err != nil {
		add(1, nil, err)
		return
	}
	for {
		record, err := reader.Read()
		line, _ := reader.FieldPos(0)
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			if broken, ok := errors.AsType[*csv.ParseError](err); ok {
				line, err = broken.StartLine, broken.Err
			}
			add(line, nil, err)
			continue
		case len(record) != len(header):
			add(line, nil, fmt.Errorf("%d fields, and the header has %d", len(record), len(header)))
			continue
		}
		fields := make(map[string]string, len(header))
		for i, name := range header {
			fields[name] = strings.TrimSpace(record[i])
		}
		add(line, fields, nil)
	}
}

func (l layout) checkHeader(header []string) error {
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
		if !slices.Contains(l.columns, header[i]) || slices.Contains(header[:i], header[i]) {
			return fmt.Errorf("column %d is unknown or there twice; the first line names the columns: %s",
				i+1, strings.Join(l.columns, ", ")) // It is not quoted: without a header it is somebody's id.
		}
	}
	for _, name := range l.required {
		if !slices.Contains(header, name) {
			return fmt.Errorf("no column %s; the first line names the columns: %s", name, strings.Join(l.columns, ", "))
		}
	}
	return nil
}

func (l layout) readJSONLines(text []byte, add func(line int, fields map[string]string, err error)) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var members map[string]jsontext.Value
		if json.Unmarshal(line, &members) != nil {
			add(number, nil, errors.New("not a JSON object"))
			continue
		}
		fields, err := make(map[string]string, len(members)), error(nil)
		for name, value := range members {
			if !slices.Contains(l.columns, name) {
				err = fmt.Errorf("unknown member; the members are %s", strings.Join(l.columns, ", "))
			}
			switch value.Kind() {
			case '"':
				unquoted, _ := jsontext.AppendUnquote(nil, value) // it was read from JSON
				fields[name] = strings.TrimSpace(string(unquoted))
			case 'n':
			default:
				fields[name] = value.String()
			}
		}
		add(number, fields, err)
	}
}

// subscriberOf is whom a line is about: a user_id counts before an anonymous_user_id.
func subscriberOf(fields map[string]string) webhook.Subscriber {
	if user := fields["user_id"]; !webhook.Absent(user) {
		return webhook.Subscriber{Kind: webhook.ByUser, ID: user}
	}
	return webhook.Subscriber{Kind: webhook.ByAnonymous, ID: fields["anonymous_user_id"]}
}
