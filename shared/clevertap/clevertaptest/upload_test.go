package clevertaptest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// FuzzUpload sends any body. What is answered adds up to what was sent and stored, and what is stored was sent.
func FuzzUpload(f *testing.F) {
	for _, c := range recordCases() {
		f.Add(list(c.record))
	}
	f.Add(bad(3, 2))
	f.Add(`{"d":[{}]`)
	f.Fuzz(func(t *testing.T, body string) {
		s := serverOf(withFaults(clevertaptest.Fault{Kind: clevertaptest.Passing, Share: 0.5}))
		got := post(t, s, body)
		stored := s.Records(account)
		if got.status != http.StatusOK {
			if got.status != http.StatusBadRequest || len(stored) != 0 {
				t.Fatalf("status %d, %d stored", got.status, len(stored))
			}
			return
		}
		if !jsontext.Value(got.body).IsValid() {
			t.Fatalf("answer %q", got.body)
		}
		v := got.read(t)
		sent := s.Requests()[0].Records
		if v.processed() != len(stored) || v.processed()+len(v.Unprocessed) != sent {
			t.Fatalf("%d sent, %d stored, answer %s", sent, len(stored), got.body)
		}
		seen := map[int]bool{}
		for _, e := range v.Unprocessed {
			if n := e.position(); n < 1 || n > sent || seen[n] || e.code() == 0 {
				t.Fatalf("entry %+v", e)
			}
			seen[e.position()] = true
		}
		for _, r := range stored {
			if seen[r.Position] || !strings.Contains(body, string(r.Raw)) {
				t.Fatalf("stored %+v", r)
			}
		}
	})
}

// BenchmarkUpload posts records of forty properties, as many as one upload takes, without a network.
func BenchmarkUpload(b *testing.B) {
	var properties strings.Builder
	for name := range strings.FieldsSeq("a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd ee ff gg hh ii jj kk ll mm") {
		properties.WriteString(`,"` + name + `_name":"some_value"`)
	}
	records := make([]string, 1000)
	for i := range records {
		records[i] = event(i, properties.String())
	}
	body := list(records...)
	s := serverOf(func(c *clevertaptest.Config) { c.Digests = true })
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if got := post(b, s, body); got.status != http.StatusOK {
			b.Fatal(got.body)
		}
		s.Reset()
	}
}
