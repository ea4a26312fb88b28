package clevertap

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

const (
	// maxAnswer is the size of an answer that is read. A total failure echoes every record, so that it is larger than the
	// upload; what is larger than this is no answer.
	maxAnswer = 16<<20 + 64<<10
	// maxRest is what is read of a body that does not matter, so that its connection can be used again.
	maxRest = 64 << 10
)

// reply is what one attempt brought.
type reply struct {
	verdict verdict
	results []result      // of the verdict read, one per record
	fault   *fault.Fault  // of the other verdicts: the records' end, if nothing more can be done
	wait    time.Duration // of the verdict busy, if CleverTap said how long
	waits   bool
	took    time.Duration
}

// try uploads records once and judges the answer. It always gives a reply, also when something panics.
func (u *Uploader) try(ctx context.Context, a Account, records []*item, timeout time.Duration, dry bool) (r reply) {
	begun := time.Now()
	defer func() {
		if recover() != nil {
			r = reply{verdict: passing, fault: faultPanic}
		}
		r.took = time.Since(begun)
	}()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	sent := &content{records: records}
	defer sent.release()
	response, err := u.client.post(ctx, a, sent, dry)
	if err != nil {
		return reply{verdict: passing, fault: broken(ctx, err)}
	}
	if response.Body == nil {
		response.Body = http.NoBody
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, response.Body, maxRest)
		_ = response.Body.Close()
	}()
	if judge(response.StatusCode) == read {
		return readReply(ctx, response.Body, records)
	}
	r = statusReply(response.StatusCode)
	r.wait, r.waits = retryAfter(response.Header.Get("Retry-After"), time.Now())
	return r
}

// readReply reads the verdict on each record.
func readReply(ctx context.Context, body io.Reader, records []*item) reply {
	limited := &io.LimitedReader{R: body, N: maxAnswer + 1}
	answer, err := readAnswer(limited, len(records))
	switch {
	case err != nil && ctx.Err() != nil:
		return reply{verdict: passing, fault: faultTimeout}
	case err != nil || limited.N == 0:
		return reply{verdict: passing, fault: faultUnreadable}
	}
	if status := answer.status(); status != http.StatusOK {
		return statusReply(status)
	}
	return reply{verdict: read, results: answer.results(len(records), func(i int) []byte { return records[i].JSON })}
}

func statusReply(status int) reply {
	return reply{verdict: judge(status), fault: statusFault(status)}
}

// broken names the end of an attempt without an answer. The error itself is dropped: it may hold the address.
func broken(ctx context.Context, err error) *fault.Fault {
	timeout, ok := errors.AsType[net.Error](err)
	if ctx.Err() != nil || ok && timeout.Timeout() {
		return faultTimeout
	}
	return faultNetwork
}
