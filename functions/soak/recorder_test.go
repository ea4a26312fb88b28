//go:build soak

package soak_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// recorder is a proxy before the fake CleverTap. It records what was in each upload and who sent it, also of uploads
// that the fake refuses.
type recorder struct {
	url    string
	server *clevertaptest.Server

	mu      sync.Mutex
	uploads []*upload
}

// upload is one request as it came.
type upload struct {
	forwarder int
	arrived   time.Time
	aborted   bool                   // the sender had gone before the answer was out
	records   []string               // their digests
	request   *clevertaptest.Request // what the fake recorded about it; nil if it never came so far
}

// uploadHeader carries an upload's number to the fake's own record of the request.
const uploadHeader = "X-Soak-Upload"

func newRecorder(t *testing.T, server *clevertaptest.Server) *recorder {
	r := &recorder{server: server}
	listener := httptest.NewServer(r)
	t.Cleanup(listener.Close)
	r.url = listener.URL
	return r
}

// endpoint is what a forwarder is given as CleverTap's address: its number is the first part of the path.
func (r *recorder) endpoint(forwarder int) string {
	return r.url + "/" + strconv.Itoa(forwarder) + "/{host}"
}

// ServeHTTP records an upload and passes it on.
func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	number, path, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, "/"), "/")
	body, err := io.ReadAll(request.Body)
	u := &upload{arrived: time.Now(), records: digests(body)}
	u.forwarder, _ = strconv.Atoi(number)
	r.mu.Lock()
	request.Header.Set(uploadHeader, strconv.Itoa(len(r.uploads)))
	r.uploads = append(r.uploads, u)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		u.aborted = request.Context().Err() != nil
	}()
	if err != nil {
		panic(http.ErrAbortHandler) // the sender is gone, and nobody may think that the rest of its body was empty
	}
	request.URL.Path, request.RequestURI = "/"+path, "/"+path
	request.Body = io.NopCloser(bytes.NewReader(body))
	r.server.ServeHTTP(w, request)
}

// recorded returns all uploads.
func (r *recorder) recorded() []*upload {
	requests := r.server.Requests()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range requests {
		if n, err := strconv.Atoi(requests[i].Header.Get(uploadHeader)); err == nil {
			r.uploads[n].request = &requests[i]
		}
	}
	return r.uploads
}

func (u *upload) holds(digest string) bool { return slices.Contains(u.records, digest) }

// digests names the records of an upload by their bytes; none if it cannot be read.
func digests(body []byte) (all []string) {
	var form struct {
		Records []jsontext.Value `json:"d"`
	}
	if json.Unmarshal(body, &form) == nil {
		for _, record := range form.Records {
			all = append(all, digest(record))
		}
	}
	return all
}

func digest(record []byte) string {
	sum := sha256.Sum256(record)
	return hex.EncodeToString(sum[:])
}

// invocationLog is what one invocation printed.
type invocationLog struct {
	counts  counts
	lines   map[string]logLine // by message id: what was not delivered
	unsaved bool               // accepted records could not be saved
}

// logLine is a line of a forwarder's log or metrics, as far as the run looks at it.
type logLine struct {
	RequestID string `json:"requestId"`
	Text      string `json:"msg"`
	MessageID string `json:"messageId"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	Metrics   any    `json:"_aws"`
	counts
}

// counts are the metrics that have to balance.
type counts struct {
	Received  int `json:"MessagesReceived"`
	Delivered int `json:"MessagesDelivered"`
	Skipped   int `json:"MessagesSkipped"`
	Rejected  int `json:"MessagesRejected"`
	Retried   int `json:"MessagesRetried"`
}

func (c *counts) add(d counts) {
	c.Received += d.Received
	c.Delivered += d.Delivered
	c.Skipped += d.Skipped
	c.Rejected += d.Rejected
	c.Retried += d.Retried
}

// readLogs reads what a process printed, by request id. Metrics have no request id: they follow the log lines
// of their invocation.
func readLogs(printed string) (map[string]*invocationLog, error) {
	all, current := map[string]*invocationLog{}, &invocationLog{}
	scanner := bufio.NewScanner(strings.NewReader(printed))
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var line logLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return all, fmt.Errorf("output is not JSON: %w", err)
		}
		if line.Metrics != nil {
			current.counts.add(line.counts)
			continue
		}
		if all[line.RequestID] == nil {
			all[line.RequestID] = &invocationLog{lines: map[string]logLine{}}
		}
		current = all[line.RequestID]
		if line.MessageID != "" {
			current.lines[line.MessageID] = line
		}
		current.unsaved = current.unsaved || strings.HasPrefix(line.Text, "accepted records not saved")
	}
	return all, scanner.Err()
}
