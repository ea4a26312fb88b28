package clevertap_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// sink is a transport that reads a request and answers at once.
type sink struct{ answer string }

func (s sink) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(s.answer))}, err
}

// deaf is a book that remembers nothing.
type deaf struct{}

func (deaf) Open(int) bool    { return true }
func (deaf) Close(int, error) {}

func BenchmarkUpload(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			u := clevertap.NewUploader(clevertap.Options{Transport: sink{fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, n)}})
			lanes := oneLane(n)
			b.ReportAllocs()
			for b.Loop() {
				u.Upload(context.Background(), lanes, deaf{})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	const n = 1000
	var all [][]byte
	var placed, unplaced []string
	for i, r := range records(0, n) {
		all = append(all, r.JSON)
		placed = append(placed, entry(513, i+1, r.JSON))
		unplaced = append(unplaced, unnumbered(513, r.JSON))
	}
	for name, answer := range map[string]string{
		"all accepted":               fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, n),
		"one refused":                partial(n-1, placed[n/2]),
		"all refused":                partial(0, placed...),
		"all refused, without place": partial(0, unplaced...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(answer)))
			for b.Loop() {
				if _, _, err := clevertap.Answer(strings.NewReader(answer), all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
