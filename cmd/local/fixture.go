package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// fixture is one request of events/ with what has to become of it.
type fixture struct {
	name        string
	path        string
	header      http.Header
	body        []byte // as Purchasely signs it
	eventID     string // as the forwarder logs it; empty where the body has none
	subscribers []string
	want        want
	series      string // what it is a step of, in the order of the fixtures; empty: nothing
	since       int    // how many records there were when it was sent
}

// step is what the name of a fixture in a series looks like.
var step = regexp.MustCompile(`^(.+)-[0-9]-`)

// follows tells whether a fixture is the next step after another one.
func (f fixture) follows(other fixture) bool { return f.series != "" && f.series == other.series }

// redriven tells whether a fixture stands for a message that has lain in the rejected queue.
func (f fixture) redriven() bool { return strings.HasSuffix(f.name, "-redriven") }

// want is the file beside a fixture.
type want struct {
	Status  int              `json:"status"`
	Answer  jsontext.Value   `json:"answer"`
	Outcome string           `json:"outcome"`
	Reason  string           `json:"reason"`
	Account string           `json:"account"`
	Records []jsontext.Value `json:"records"`
}

// request is what a fixture is read from: an event of an HTTP API, payload format 2.0.
type request struct {
	RawPath         string            `json:"rawPath"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// loadFixtures reads all receiver fixtures of a folder, in the order of their names.
func loadFixtures(folder string) ([]fixture, error) {
	files, err := filepath.Glob(filepath.Join(folder, "receiver-*.json"))
	if err != nil {
		return nil, err
	}
	var fixtures []fixture
	for _, file := range files {
		if strings.HasSuffix(file, ".want.json") {
			continue
		}
		f, err := loadFixture(file)
		if err != nil {
			return nil, fmt.Errorf("fixture %s: %w", file, err)
		}
		fixtures = append(fixtures, f)
	}
	if len(fixtures) == 0 {
		return nil, fmt.Errorf("no fixtures in %s/: run this in the project's folder, as `make run` does", folder)
	}
	return fixtures, nil
}

// loadFixture reads one request and the file beside it.
func loadFixture(file string) (fixture, error) {
	base := strings.TrimSuffix(file, ".json")
	f := fixture{name: strings.TrimPrefix(filepath.Base(base), "receiver-"), header: http.Header{}}
	if parts := step.FindStringSubmatch(f.name); parts != nil {
		f.series = parts[1]
	}
	var sent request
	if err := readJSON(file, &sent); err != nil {
		return fixture{}, err
	}
	if err := readJSON(base+".want.json", &f.want); err != nil {
		return fixture{}, err
	}
	f.path, f.body = sent.RawPath, []byte(sent.Body)
	if sent.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(sent.Body)
		if err != nil {
			return fixture{}, err
		}
		f.body = body
	}
	for name, value := range sent.Headers {
		if !setByTransport(name) {
			f.header.Set(name, value)
		}
	}
	f.eventID = eventID(f.body)
	for i := range f.want.Records {
		if err := f.want.Records[i].Compact(); err != nil {
			return fixture{}, err
		}
		var subscriber struct {
			Identity string `json:"identity"`
			ObjectID string `json:"objectId"`
		}
		if err := json.Unmarshal(f.want.Records[i], &subscriber); err != nil {
			return fixture{}, err
		}
		f.subscribers = append(f.subscribers, subscriber.Identity+subscriber.ObjectID)
	}
	return f, nil
}

// setByTransport reports whether a header of a recorded request belongs to the way that it took.
func setByTransport(name string) bool {
	name = strings.ToLower(name)
	return name == "host" || name == "content-length" || strings.HasPrefix(name, "x-forwarded-")
}

// eventID is the webhook's own id, or nothing.
func eventID(body []byte) string {
	var webhook struct {
		EventID string `json:"event_id"`
	}
	if err := json.Unmarshal(body, &webhook, jsontext.AllowDuplicateNames(true)); err != nil {
		return ""
	}
	return webhook.EventID
}

// carries reports whether a message on a queue is this webhook.
func (f fixture) carries(m message) bool {
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

// readJSON reads a file into a value.
func readJSON(file string, into any) error {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
