package clevertap_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestBody(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		records []string
		want    string
	}{
		"one record":      {[]string{`{"a":1}`}, `{"d":[{"a":1}]}`},
		"several records": {[]string{`{"a":1}`, `{}`, `{"b":"c"}`}, `{"d":[{"a":1},{},{"b":"c"}]}`},
		"an empty record": {[]string{``, `{}`}, `{"d":[,{}]}`},
		"a larger record": {[]string{strings.Repeat("x", 100_000), `{}`}, `{"d":[` + strings.Repeat("x", 100_000) + `,{}]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var records []clevertap.Record
			for i, text := range test.records {
				records = append(records, clevertap.Record{Key: i, JSON: []byte(text)})
			}
			whole, size := clevertap.Body(records)
			if got, err := io.ReadAll(whole); err != nil || string(got) != test.want {
				t.Errorf("%.60q, %v, want %.60q", got, err, test.want)
			}
			if size != int64(len(test.want)) {
				t.Errorf("size %d, want %d", size, len(test.want))
			}
			again, _ := clevertap.Body(records)
			if err := iotest.TestReader(again, []byte(test.want)); err != nil {
				t.Error(err)
			}
		})
	}
}

// lingering is a transport that gives up and goes on reading the request.
type lingering struct {
	bodies chan io.Reader
	done   chan struct{}
}

func (l lingering) RoundTrip(r *http.Request) (*http.Response, error) {
	go func() {
		defer close(l.done)
		for {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			r.Body, _ = r.GetBody()
		}
	}()
	l.bodies <- r.Body
	return nil, errors.New("gave up")
}

// Whoever calls may use the records' memory for other records once the call has returned: the race detector watches the writes here.
func TestNoRecordIsReadOnceTheUploadHasReturned(t *testing.T) {
	t.Parallel()
	transport := lingering{make(chan io.Reader, 1), make(chan struct{})}
	u := clevertap.NewUploader(clevertap.Options{Transport: transport})
	sent := records(1, 10)
	u.Upload(t.Context(), []clevertap.AccountBatch{{Account: account, Records: sent}}, &book{})
	for i := range sent {
		clear(sent[i].JSON)
	}
	<-transport.done
	if n, err := (<-transport.bodies).Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
