package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// rehearsal stands where the network would be: it keeps the bodies of uploads and accepts every record. Thus the forwarder's own
// uploader decides what goes together, and what is shown are the bytes that would be posted.
type rehearsal struct {
	account string
	uploads []upload
}

// rehearse uploads records to nobody. With one upload at a time their order is the uploader's.
func rehearse(account string, records []clevertap.Record) []upload {
	r := &rehearsal{account: account}
	uploader := clevertap.NewUploader(clevertap.Options{Transport: r, Concurrency: 1})
	lane := clevertap.AccountBatch{Account: clevertap.Account{Host: "rehearsal.invalid", ID: account}, Records: records}
	uploader.Upload(context.Background(), []clevertap.AccountBatch{lane}, r)
	return r.uploads
}

// RoundTrip keeps an upload's body and answers as CleverTap does when it takes everything.
func (r *rehearsal) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var d struct {
		D []jsontext.Value `json:"d"`
	}
	if err := json.Unmarshal(body, &d, stored.Lenient...); err != nil {
		return nil, err
	}
	r.uploads = append(r.uploads, upload{r.account, len(d.D), body})
	answer := fmt.Appendf(nil, `{"status":"success","processed":%d,"unprocessed":[]}`, len(d.D))
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(answer)),
		Body: io.NopCloser(bytes.NewReader(answer)), Request: request,
	}, nil
}

// MaySend lets every record go.
func (r *rehearsal) MaySend(int) bool { return true }

// Done has nothing to keep: every record is accepted.
func (r *rehearsal) Done(int, error) {}
