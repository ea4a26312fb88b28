package forward_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// BenchmarkForwarderFloor is what no forwarder can leave out: it takes a copy of the batch, as the Lambda runtime hands one over, and posts
// over loopback, ready made, the very bytes that the bridge uploads for it, and reads the answers. It looks at nothing.
func BenchmarkForwarderFloor(b *testing.B) {
	endpoint := acceptance(b)
	for _, size := range []int{10, 1000} {
		payload := benchBatch(b, size)
		uploads := recordUploads(b, payload)
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			client := http.Client{Transport: &http.Transport{DisableCompression: true, WriteBufferSize: 32 << 10}}
			b.Cleanup(client.CloseIdleConnections)
			held := make([]byte, 0, len(payload))
			perMessage(b, size, func() error {
				held = append(held[:0], payload...)
				for _, body := range uploads {
					if err := postReady(b, &client, endpoint, body); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// recordUploads gives the bodies that the bridge makes of a batch.
func recordUploads(b *testing.B, payload []byte) [][]byte {
	b.Helper()
	h, recorder := benchHandler(b, ""), &recorder{}
	h.Uploader = clevertap.NewUploader(clevertap.Options{Transport: recorder})
	answer, err := h.Invoke(b.Context(), bytes.Clone(payload))
	if err != nil || string(answer) != `{"batchItemFailures":[]}` || len(recorder.bodies) == 0 {
		b.Fatalf("answer %s of %d uploads, %v", answer, len(recorder.bodies), err)
	}
	return recorder.bodies
}

// recorder is a CleverTap that keeps what it is sent.
type recorder struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, body)
	answer := fmt.Sprintf(`{"status":"success","processed":%d,"unprocessed":[]}`, bytes.Count(body, []byte(`"ts":`)))
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewBufferString(answer))}, err
}

// postReady sends a body and reads the answer.
func postReady(b *testing.B, client *http.Client, endpoint string, body []byte) error {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, endpoint+"/1/upload", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}
