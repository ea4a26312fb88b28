//go:build soak

package soak_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// tapHeader carries an upload's number to the stand-in, whose own notes about the request it leads to.
const tapHeader = "X-Soak-Upload"

// tap stands in front of the stand-in and notes what was in each upload and who sent it, also of those that the stand-in refuses.
type tap struct {
	url    string
	server *clevertaptest.Server

	mu      sync.Mutex
	uploads []*upload
}

// upload is one request as it came.
type upload struct {
	forwarder     int
	account       string
	arrived, left time.Time
	aborted       bool     // the sender had gone before the answer was out
	records       []string // their digests
	request       *clevertaptest.Request
}

func newTap(t *testing.T, server *clevertaptest.Server) *tap {
	p := &tap{server: server}
	listener := httptest.NewServer(p)
	t.Cleanup(listener.Close)
	p.url = listener.URL
	return p
}

// endpoint is what a forwarder is given as CleverTap's address: its number is the first part of the path.
func (p *tap) endpoint(forwarder int) string {
	return p.url + "/" + strconv.Itoa(forwarder) + "/{host}"
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u := &upload{arrived: time.Now(), account: r.Header.Get("X-CleverTap-Account-Id")}
	number, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	u.forwarder, _ = strconv.Atoi(number)
	body, err := io.ReadAll(r.Body)
	u.records = digests(body)
	p.mu.Lock()
	p.uploads = append(p.uploads, u)
	r.Header.Set(tapHeader, strconv.Itoa(len(p.uploads)-1))
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		u.left, u.aborted = time.Now(), r.Context().Err() != nil
	}()
	if err != nil {
		panic(http.ErrAbortHandler) // the sender is gone, and nobody may think that the rest of its body was empty
	}
	r.URL.Path, r.RequestURI = "/"+rest, "/"+rest
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.server.ServeHTTP(w, r)
}

// digests names the records of an upload by their bytes, none if it cannot be read.
func digests(body []byte) []string {
	var form struct {
		Records []jsontext.Value `json:"d"`
	}
	if err := json.Unmarshal(body, &form); err != nil {
		return nil
	}
	all := make([]string, len(form.Records))
	for i, record := range form.Records {
		all[i] = digest(record)
	}
	return all
}

func digest(record []byte) string {
	sum := sha256.Sum256(record)
	return hex.EncodeToString(sum[:])
}

// seen gives all uploads, each with the stand-in's notes about it where it came so far.
func (p *tap) seen() []*upload {
	requests := p.server.Requests()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range requests {
		if n, err := strconv.Atoi(requests[i].Header.Get(tapHeader)); err == nil {
			p.uploads[n].request = &requests[i]
		}
	}
	return p.uploads
}
