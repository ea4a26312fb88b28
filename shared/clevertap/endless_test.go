package clevertap_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// An answer that claims success and then never ends is read to the size that any answer can have, and believed in nothing.
func TestAnAnswerWithoutAnEndIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	const most = 64 << 20
	filling := []byte(strings.Repeat(`"filling",`, 1<<13))
	var sent atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"success","processed":1,"unprocessed":[],"more":[`))
		for sent.Load() < most {
			n, err := w.Write(filling)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	})
	b := &book{}
	clevertap.NewUploader(clevertap.Options{Endpoint: s.URL}).Upload(t.Context(), oneLane(1), b)
	b.expect(t, 1, "retry unreadable_answer", nil)
	if sent.Load() >= most {
		t.Errorf("%d bytes were taken", sent.Load())
	}
}
