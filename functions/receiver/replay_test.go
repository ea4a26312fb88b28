//go:build blackbox

package main_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// A captured request is genuine for ever unless a window is set. Inside the window, and without one, the queue takes it once in five
// minutes; what comes later is taken again, and told apart by its event id only.
func TestACapturedRequestIsSentAgain(t *testing.T) {
	t.Parallel()
	const window = time.Minute
	captured := signedWith(key, strconv.FormatInt(time.Now().Add(-window-time.Second).Unix(), 10), body)

	guarded := start(t, "events.fifo", map[string]string{"TIMESTAMP_TOLERANCE": window.String()})
	guarded.wants(401, captured)
	if got := len(guarded.queue.Messages()); got != 0 {
		t.Errorf("%d messages behind the window", got)
	}

	// The queue's clock stands still unless the test sets it.
	var passed atomic.Int64
	began := time.Now()
	cloud := awstest.New(t, func() time.Time { return began.Add(time.Duration(passed.Load())) })
	queue := cloud.SQS.Create(awstest.QueueConfig{Name: "events.fifo"})
	cloud.Secrets.Put(secrets, `{"shared_secret":"`+key+`"}`)
	env := cloud.Env()
	env["QUEUE_URL"], env["SECRETS_PREFIX"] = cloud.SQS.QueueURL(queue), prefix
	open := &stack{t, lambdatest.Start(t, lambdatest.Build(t, "functions/receiver"), env), cloud, queue}
	for range 3 {
		open.wants(200, captured)
	}
	passed.Store(int64(5*time.Minute - time.Second))
	open.wants(200, captured)
	if got := len(queue.Messages()); got != 1 {
		t.Errorf("%d messages within five minutes", got)
	}
	passed.Store(int64(5*time.Minute + time.Second))
	open.wants(200, captured)
	messages := queue.Messages()
	if len(messages) != 2 || messages[0].DeduplicationID != messages[1].DeduplicationID || messages[0].Body != messages[1].Body {
		t.Errorf("after five minutes the queue holds %d messages", len(messages))
	}
}
