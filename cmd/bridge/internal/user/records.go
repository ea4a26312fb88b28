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
)

// maxShown is how many faulty lines of a file are printed.
const maxShown = 20

// layout says what the lines of a file may hold.
type layout struct {
	columns  []string
	required []string // which a header must name
}

// read reads CSV with a header, or JSON lines, and hands over the fields of each line, or what is wrong with it.
func (l layout) read(text []byte, add func(line int, fields map[string]string, err error)) {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		l.readJSONLines(text, add)
	} else {
		l.readCSV(text, add)
	}
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

// faultyLines prints what is wrong with a file. The error ends the command.
func faultyLines(cmd *cobra.Command, path string, problems []string) error {
	for _, problem := range problems[:min(len(problems), maxShown)] {
		cmd.PrintErrf("%s: %s\n", path, problem)
	}
	if more := len(problems) - maxShown; more > 0 {
		cmd.PrintErrf("and %d more\n", more)
	}
	return cli.Findingf("'"+cmd.CommandPath()+" --help' shows what a line looks like",
		"%s; nothing was stored", cli.Quantity(len(problems), "faulty line"))
}
