package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// exportedPurchase is one line of an export: what is known of one purchase of one user.
type exportedPurchase struct {
	line       int
	app        string
	subscriber webhook.Subscriber
	claim      subscriber.Update
}

// export is a file of subscribers, and what is wrong with it.
type export struct {
	purchases []exportedPurchase
	problems  []string // each with its line
}

// columns are what a line may say.
var columns = []string{"app", "user_id", "anonymous_user_id", "purchase_id", "active", "at", "environment"}

// readExport reads CSV with a header, or JSON lines. It goes on after a faulty line, so that all faults are told at once.
func readExport(text []byte, apps []string, now time.Time) export {
	e := export{}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	add := func(line int, fields map[string]string, err error) {
		var s exportedPurchase
		if err == nil {
			s, err = newPurchase(fields, apps, now)
		}
		if s.line = line; err != nil {
			e.problems = append(e.problems, fmt.Sprintf("line %d: %v", line, err))
			return
		}
		e.purchases = append(e.purchases, s)
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		readJSONLines(text, add)
	} else {
		readCSV(text, add)
	}
	if len(e.purchases)+len(e.problems) == 0 {
		e.problems = append(e.problems, "there is nothing in it")
	}
	return e
}

func readCSV(text []byte, add func(line int, fields map[string]string, err error)) {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord = -1
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return
	}
	if err == nil {
		err = checkHeader(header)
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
			fields[strings.TrimSpace(name)] = strings.TrimSpace(record[i])
		}
		add(line, fields, nil)
	}
}

func checkHeader(header []string) error {
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
		if !slices.Contains(columns, header[i]) || slices.Contains(header[:i], header[i]) {
			return fmt.Errorf("column %q; the columns are %s", header[i], strings.Join(columns, ", "))
		}
	}
	for _, name := range []string{"app", "purchase_id", "active", "at"} {
		if !slices.Contains(header, name) {
			return fmt.Errorf("no column %s; the first line names the columns: %s", name, strings.Join(columns, ", "))
		}
	}
	return nil
}

func readJSONLines(text []byte, add func(line int, fields map[string]string, err error)) {
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
			if !slices.Contains(columns, name) {
				err = fmt.Errorf("member %q; the members are %s", name, strings.Join(columns, ", "))
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

// futureAllowed is how far a time may lie ahead: clocks differ.
const futureAllowed = time.Hour

// newPurchase makes sense of a line.
func newPurchase(fields map[string]string, apps []string, now time.Time) (s exportedPurchase, err error) {
	s = exportedPurchase{app: fields["app"], subscriber: webhook.Subscriber{Kind: webhook.ByUser, ID: fields["user_id"]}}
	if webhook.Absent(s.subscriber.ID) {
		s.subscriber = webhook.Subscriber{Kind: webhook.ByAnonymous, ID: fields["anonymous_user_id"]}
	}
	s.claim = subscriber.Update{Purchase: fields["purchase_id"], Known: true}
	ms, timed := webhook.ParseTime([]byte(fields["at"]))
	s.claim.At = time.UnixMilli(ms).UTC()
	switch {
	case !slices.Contains(apps, s.app):
		return s, fmt.Errorf("app %q is not in the integration file", s.app)
	case webhook.Absent(s.subscriber.ID):
		return s, errors.New("neither user_id nor anonymous_user_id")
	case webhook.Absent(s.claim.Purchase):
		return s, errors.New("no purchase_id, which is purchasely_subscription_id or, without one, store_original_transaction_id")
	case !timed || ms <= 0:
		return s, fmt.Errorf("at %q is no time such as 2026-03-14T12:00:00Z", fields["at"])
	case s.claim.At.After(now.Add(futureAllowed)):
		return s, fmt.Errorf("at %s lies in the future; it is when the purchase became what it is", fields["at"])
	}
	// Whatever an event of the same instant says counts more, unless the event is like this line.
	switch strings.ToLower(fields["active"]) {
	case "true", "1", "yes":
		s.claim.Active, s.claim.Rank = true, subscriber.OtherGrants
	case "false", "0", "no":
	default:
		return s, fmt.Errorf("active %q is neither true nor false", fields["active"])
	}
	switch strings.ToUpper(fields["environment"]) {
	case "", "PRODUCTION":
	case "SANDBOX":
		s.claim.Sandbox = true
	default:
		return s, fmt.Errorf("environment %q is neither PRODUCTION nor SANDBOX", fields["environment"])
	}
	return s, nil
}
