package clevertap_test

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// sink is a transport that reads a request and answers at once.
type sink struct{ answer string }

func (s sink) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(s.answer))}, err
}

// deaf is a tracker that remembers nothing.
type deaf struct{}

func (deaf) MaySend(int) bool { return true }
func (deaf) Done(int, error)  {}

// BenchmarkUpload is the delivery of records that are ready, without the network: the bridge's, accounting included;
// the plain one, with encoding/json; and the floor, which copies the records' bytes together.
func BenchmarkUpload(b *testing.B) {
	for _, n := range []int{10, 1000} {
		sink := sink{fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, n)}
		all := records(0, n)
		b.Run(fmt.Sprintf("bridge/records=%d", n), func(b *testing.B) {
			u, batches := clevertap.NewUploader(clevertap.Options{Transport: sink}), oneBatch(n)
			benchtest.Measure(b, func() error {
				u.Upload(b.Context(), batches, deaf{})
				return nil
			})
		})
		b.Run(fmt.Sprintf("plain/records=%d", n), func(b *testing.B) {
			client := http.Client{Transport: sink}
			benchtest.Measure(b, func() error { return plainUpload(&client, all) })
		})
		b.Run(fmt.Sprintf("copy/records=%d", n), func(b *testing.B) {
			var held []byte
			benchtest.Measure(b, func() error {
				held = held[:0]
				for _, r := range all {
					held = append(held, r.JSON...)
				}
				return nil
			})
		})
	}
}

// plainUpload is an upload as one would write it first.
func plainUpload(client *http.Client, records []clevertap.Record) error {
	list := make([]stdjson.RawMessage, len(records))
	for i, r := range records {
		list[i] = r.JSON
	}
	body, err := stdjson.Marshal(map[string]any{"d": list})
	if err != nil {
		return err
	}
	response, err := client.Post("https://in1.api.clevertap.com/1/upload", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return stdjson.NewDecoder(response.Body).Decode(new(plainAnswer))
}

// plainAnswer is CleverTap's answer as encoding/json reads it.
type plainAnswer struct {
	Status      string
	Processed   int
	Unprocessed []struct {
		Status, Error string
		Code          int
		Record        stdjson.RawMessage
	}
}

// BenchmarkAnswer reads answers to a full upload: the bridge, which finds the record that each entry is about;
// encoding/json, which does not; and the floor, which only reads the tokens.
func BenchmarkAnswer(b *testing.B) {
	const n = 1000
	var all [][]byte
	var withNumber, withoutNumber []string
	for i, r := range records(0, n) {
		all = append(all, r.JSON)
		withNumber = append(withNumber, numbered(513, i+1, r.JSON))
		withoutNumber = append(withoutNumber, unnumbered(513, string(r.JSON)))
	}
	for _, answer := range []struct{ name, text string }{
		{"all accepted", fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, n)},
		{"one refused", partial(n-1, withNumber[n/2])},
		{"all refused", partial(0, withNumber...)},
		{"all refused, without number", partial(0, withoutNumber...)},
	} {
		run := func(who string, read func(text string) error) {
			b.Run(who+"/"+answer.name, func(b *testing.B) {
				b.SetBytes(int64(len(answer.text)))
				benchtest.Measure(b, func() error { return read(answer.text) })
			})
		}
		results := clevertap.Results(all)
		run("bridge", func(text string) error { return results(strings.NewReader(text)) })
		run("plain", func(text string) error {
			return stdjson.NewDecoder(strings.NewReader(text)).Decode(new(plainAnswer))
		})
		run("tokens", func(text string) (err error) {
			for d := jsontext.NewDecoder(strings.NewReader(text)); err == nil; {
				_, err = d.ReadToken()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		})
	}
}
