package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// fixture is one request of events/ and its outcome.
type fixture struct {
	name        string
	file        string // the request as a whole
	path        string // of its URL
	header      http.Header
	body        []byte // as Purchasely signs it
	event       string // its name, empty if the body is none
	eventID     string // as the forwarder logs it; empty if the body has none
	subscribers []string
	want        outcome
	series      string // of which it is a step, in the order of the fixtures; empty if it stands alone
}

// outcome is what the receiver answers to a webhook, and what became of it then. It is the file beside a fixture.
type outcome struct {
	Status  int       `json:"status"`
	Answer  rawJSON   `json:"answer"`
	Outcome string    `json:"outcome"` // delivered, skipped, rejected, none; also lost, dead, waiting
	Reason  string    `json:"reason"`
	Account string    `json:"account"`
	Records []rawJSON `json:"records"`
}

// rawJSON is JSON without white space; what is not JSON stays as it is.
type rawJSON string

// UnmarshalJSONFrom takes any value as it is.
func (r *rawJSON) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	value, err := d.ReadValue()
	*r = compact(value)
	return err
}

func compact(text []byte) rawJSON {
	value := jsontext.Value(bytes.Clone(text))
	if value.Compact() != nil {
		return rawJSON(text)
	}
	return rawJSON(value)
}

// seriesName finds the series in the name of a fixture that is a step of one.
var seriesName = regexp.MustCompile(`^(.+)-[0-9]-`)

// follows reports whether a fixture is the next step after another one.
func (f fixture) follows(other fixture) bool { return f.series != "" && f.series == other.series }

// redriven reports whether a fixture is a message that was sent back from the rejected queue.
func (f fixture) redriven() bool { return strings.HasSuffix(f.name, "-redriven") }

// fixtures are the events that are tried.
type fixtures struct {
	webhooks []fixture
	users    []fixture // requests of the app's own back end
	batches  []batch   // for the forwarder
	own      string    // a file of the user's, of which nobody knows what has to become
}

func (f fixtures) count() int { return len(f.webhooks) + len(f.users) + len(f.batches) }

// only leaves one file, with the steps of its series that come before it.
func (f fixtures) only(file string) (fixtures, error) {
	file = filepath.Clean(file)
	var one fixtures
	for i, w := range f.webhooks {
		if w.file == file {
			first := i
			for first > 0 && f.webhooks[first].follows(f.webhooks[first-1]) {
				first--
			}
			one.webhooks = f.webhooks[first : i+1]
		}
	}
	one.users = slices.DeleteFunc(slices.Clone(f.users), func(u fixture) bool { return u.file != file })
	one.batches = slices.DeleteFunc(slices.Clone(f.batches), func(b batch) bool { return b.file != file })
	if one.count() > 0 {
		return one, nil
	}
	_, err := os.Stat(file)
	return fixtures{own: file}, err
}

// loadFixtures reads all fixtures of a folder, in the order of their names.
func loadFixtures(folder string) (fixtures, error) {
	webhooks, faulty := loadAll(folder, "receiver", loadFixture)
	users, faultyUsers := loadAll(folder, "users", loadFixture)
	batches, faultyBatches := loadAll(folder, "forwarder", loadBatch)
	err := errors.Join(faulty, faultyUsers, faultyBatches)
	if err == nil && len(webhooks) == 0 {
		err = fmt.Errorf("no fixtures in %s/: run this in the project's folder, as `make run` does", folder)
	}
	return fixtures{webhooks: webhooks, users: users, batches: batches}, err
}

// loadAll reads the fixtures of a kind, each by its path without an end.
func loadAll[F any](folder, kind string, load func(base string) (F, error)) (all []F, err error) {
	files, err := filepath.Glob(filepath.Join(folder, kind+"-*.want.json"))
	for _, file := range files {
		one, err := load(strings.TrimSuffix(file, ".want.json"))
		if err != nil {
			return nil, fmt.Errorf("fixture %s: %w", file, err)
		}
		all = append(all, one)
	}
	return all, err
}

// readJSON reads a file.
func readJSON(file string, into any) error {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// ownFileDiffers reports whether your integration file says something else than the fixtures' does.
func ownFileDiffers() (bool, error) {
	var own, fixtures any
	for file, into := range map[string]*any{ownFile: &own, fixturesFile: &fixtures} {
		text, err := os.ReadFile(file)
		if err != nil {
			return false, err
		}
		if yaml.Unmarshal(text, into) != nil {
			return true, nil
		}
	}
	return !reflect.DeepEqual(own, fixtures), nil
}

// loadFixture reads a request, which is an event of an HTTP API in payload format 2.0, and its outcome.
func loadFixture(base string) (fixture, error) {
	f := fixture{
		name: strings.TrimPrefix(filepath.Base(base), "receiver-"), file: base + ".json", header: http.Header{},
	}
	if parts := seriesName.FindStringSubmatch(f.name); parts != nil {
		f.series = parts[1]
	}
	var sent struct {
		RawPath         string            `json:"rawPath"`
		Headers         map[string]string `json:"headers"`
		Body            string            `json:"body"`
		IsBase64Encoded bool              `json:"isBase64Encoded"`
	}
	if err := errors.Join(readJSON(f.file, &sent), readJSON(base+".want.json", &f.want)); err != nil {
		return f, err
	}
	f.path, f.body = sent.RawPath, []byte(sent.Body)
	if sent.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(sent.Body)
		if err != nil {
			return f, err
		}
		f.body = body
	}
	for name, value := range sent.Headers {
		if !setByTransport(name) {
			f.header.Set(name, value)
		}
	}
	f.event, f.eventID = readEvent(f.body)
	if len(f.want.Records) == 0 {
		f.want.Records = nil
	}
	for _, wanted := range f.want.Records {
		var subscriber struct {
			Identity string `json:"identity"`
			ObjectID string `json:"objectId"`
		}
		if err := json.Unmarshal([]byte(wanted), &subscriber); err != nil {
			return f, err
		}
		f.subscribers = append(f.subscribers, subscriber.Identity+subscriber.ObjectID)
	}
	return f, nil
}

// batch is an event of events/ for the forwarder, and what has to become of its messages.
type batch struct {
	name, file string
	want       batchOutcome
}

// batchOutcome is the file beside a batch. Uploads are compared without the order of their records.
type batchOutcome struct {
	Answer   rawJSON          `json:"batchItemFailures"`
	Outcomes []messageOutcome `json:"outcomes"`
	Uploads  []batchUpload    `json:"uploads"`
}

type messageOutcome struct {
	ID      string `json:"messageId"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

type batchUpload struct {
	Account string    `json:"account"`
	Records []rawJSON `json:"records"`
}

func loadBatch(base string) (batch, error) {
	b := batch{name: filepath.Base(base), file: base + ".json"}
	err := readJSON(base+".want.json", &b.want)
	for _, u := range b.want.Uploads {
		slices.Sort(u.Records)
	}
	return b, err
}

// text counts a batch's messages by what became of them.
func (b batchOutcome) text() string {
	counts := map[string]int{}
	var order []string
	for _, m := range b.Outcomes {
		what := strings.TrimSuffix(m.Outcome+": "+m.Reason, ": ")
		if counts[what]++; counts[what] == 1 {
			order = append(order, what)
		}
	}
	for i, what := range order {
		order[i] = fmt.Sprintf("%d %s", counts[what], what)
	}
	return fmt.Sprintf("%d messages → %s", len(b.Outcomes), strings.Join(order, ", "))
}

// readEvent finds the event's name and id; a body that is none has neither.
func readEvent(body []byte) (event, eventID string) {
	var webhook struct {
		Event   string `json:"event_name"`
		Former  string `json:"name"` // the key of version 2
		EventID string `json:"event_id"`
	}
	if json.Unmarshal(body, &webhook, jsontext.AllowDuplicateNames(true)) != nil {
		return "", ""
	}
	return cmp.Or(webhook.Event, webhook.Former), webhook.EventID
}

// setByTransport reports whether a header of a recorded request belongs to the way that it took.
func setByTransport(name string) bool {
	name = strings.ToLower(name)
	return name == "host" || name == "content-length" || strings.HasPrefix(name, "x-forwarded-")
}

// isCarriedBy reports whether a message is this webhook.
func (f fixture) isCarriedBy(m message) bool {
	body := []byte(m.Body)
	if m.Attributes["encoding"].Value == "base64" {
		decoded, err := base64.StdEncoding.DecodeString(m.Body)
		if err != nil {
			return false
		}
		body = decoded
	}
	return bytes.Equal(body, f.body)
}
