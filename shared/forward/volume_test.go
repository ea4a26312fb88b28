package forward_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
	"github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// mostPerEvent is how many bytes of log, metrics included, a delivered event may cost at batches of ten: what CloudWatch takes in is the
// largest cost that the bridge itself decides about.
const mostPerEvent = 100

func TestAGoodBatchOfTenWritesUnderAHundredBytesAnEvent(t *testing.T) {
	renewal := webhook.EmbeddedCatalogue().Event([]byte("SUBSCRIPTION_RENEWED"))
	for name, age := range map[string]time.Duration{"fresh": 3 * time.Second, "a day old": 24 * time.Hour, "a year old": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			c := newCorridor(t)
			created := time.Now().Add(-age)
			var messages []queued
			for i := range 10 {
				body := string(sample.Webhook(renewal, uint64(i)))
				body = strings.TrimSuffix(strings.TrimSpace(body), "}") // Of equal names the last one counts.
				messages = append(messages, queued{app: "demo", body: fmt.Sprintf(`%s,"event_created_at":%q,"event_created_at_ms":%d}`,
					body, created.UTC().Format(time.RFC3339), created.UnixMilli())})
			}
			if ids := c.run(t, messages); len(ids) > 0 {
				t.Fatalf("%d messages come back:\n%s", len(ids), &c.out)
			}
			perEvent := float64(c.out.Len()) / 10
			t.Logf("%.1f bytes an event in %d lines", perEvent, strings.Count(c.out.String(), "\n"))
			if perEvent >= mostPerEvent {
				t.Errorf("%.1f bytes an event:\n%s", perEvent, &c.out)
			}
		})
	}
}
