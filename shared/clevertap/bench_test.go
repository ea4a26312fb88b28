package clevertap_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

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

// BenchmarkUpload is the delivery of records that are ready, accounting included, without the network.
func BenchmarkUpload(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			sink := sink{fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, n)}
			u, batches := clevertap.NewUploader(clevertap.Options{Transport: sink}), oneBatch(n)
			benchtest.Measure(b, func() error {
				u.Upload(b.Context(), batches, deaf{})
				return nil
			})
		})
	}
}

// BenchmarkAnswer reads answers to a full upload, and finds the record that each entry is about.
func BenchmarkAnswer(b *testing.B) {
	const n = 1000
	var all [][]byte
	var withNumber, withoutNumber []string
	for i, r := range records(0, n) {
		all = append(all, r.JSON)
		withNumber = append(withNumber, numbered(513, i+1, r.JSON))
		withoutNumber = append(withoutNumber, unnumbered(513, string(r.JSON)))
	}
	for name, text := range map[string]string{
		"all accepted":                fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, n),
		"one refused":                 partial(n-1, withNumber[n/2]),
		"all refused":                 partial(0, withNumber...),
		"all refused, without number": partial(0, withoutNumber...),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			results := clevertap.Results(all)
			benchtest.Measure(b, func() error { return results(strings.NewReader(text)) })
		})
	}
}
