package reconcile

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// BenchmarkDay reconciles a day of 10,000 webhooks of ten events, of one of which CleverTap has dropped one. The time
// is that of the tool and of both fakes, with the pauses that CleverTap asks for.
func BenchmarkDay(b *testing.B) {
	const webhooks, events = 10_000, 10 // with 100,000 the fake table takes minutes
	c := clitest.New(b)
	c.Secrets.Put(clitest.CleverTapSecret, `{"region":"in1","account_id":"AAA-111-2222","passcode":"right-pass"}`)
	yesterday := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	c.CleverTap.AddFault(clevertaptest.Fault{Kind: clevertaptest.Drop, Marker: `"event_id":"e-77"`})
	var records []string
	for n := range webhooks {
		name, id := fmt.Sprint("EVENT_", n%events), fmt.Sprint("e-", n)
		at := yesterday.Add(time.Duration(n) * 800 * time.Millisecond)
		e := subscriber.Event{
			App: "demo", Event: name, EventID: id, Created: at, Received: at.Add(time.Second), Settled: at.Add(2 * time.Second),
			Outcome: "delivered", Records: "event,profile", Account: account, Attempt: 1, Settings: "built-in",
		}
		c.Settle(b, id, e)
		records = append(records, fmt.Sprintf(
			`{"type":"event","identity":"p-%d","ts":%d,"evtName":%q,"evtData":{"event_id":%q,"plan":"gold"}}`,
			n%20_000, at.Unix(), name, id))
	}
	c.Upload(b, clitest.Production, records...)
	for _, name := range []string{"WebhooksQueued", "MessagesDelivered"} {
		c.CloudWatch.Put("PurchaselyCleverTap", name, yesterday.Add(time.Hour), webhooks, "App=demo")
	}
	for b.Loop() {
		runtime.GC()
		stop := watchHeap()
		scans, asked := c.Dynamo.Calls("Scan"), len(c.CleverTap.Requests())
		got := clitest.Run(b.Context(), NewCommand(c), "", "reconcile", "--stack", clitest.Stack, "--app", "demo",
			"--checkpoint", filepath.Join(b.TempDir(), "progress"))
		peak := stop()
		if got.Code != 1 || !strings.Contains(got.Out, "Accepted by CleverTap, and not there: 1 event.") {
			b.Fatalf("%+v", got)
		}
		b.ReportMetric(float64(c.Dynamo.Calls("Scan")-scans), "scans")
		b.ReportMetric(float64(len(c.CleverTap.Requests())-asked), "questions")
		b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	}
}

// watchHeap looks how far the heap grows beyond what it is now, until it is stopped.
func watchHeap() (stop func() uint64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}()
	return func() uint64 {
		close(done)
		<-ended
		return peak - before
	}
}
