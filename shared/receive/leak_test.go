package receive_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
	"github.com/purchasely-clevertap/bridge/shared/receive"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// TestNothingPrivateIsToldOnAnyPath searches all that leaves the receiver, but for the message's body: answer, log, metrics, and the
// message's ids and attributes.
func TestNothingPrivateIsToldOnAnyPath(t *testing.T) {
	words := []string{"rosée", "ACTIVATE", key, timestamp, "1773474113", sign(key, timestamp, body), "203.0.113.17", "https://", "mystery"}
	hostile := errors.New("https://sqs refuses rosée-7, signed with " + key)
	for name, edit := range map[string]func(b *bench, event, headers map[string]any){
		"queued": nil,
		"queued as bytes": func(_ *bench, event, _ map[string]any) {
			event["body"], event["isBase64Encoded"] = "eyJ1c2VyX2lkIjoicm9zw6llLTcifQ==", true
		},
		"unknown app":     func(_ *bench, event, _ map[string]any) { event["pathParameters"] = map[string]any{"app": "mystery"} },
		"app of a person": func(_ *bench, event, _ map[string]any) { event["pathParameters"] = map[string]any{"app": "rosée-7"} },
		"too large":       func(_ *bench, event, _ map[string]any) { event["body"] = strings.Repeat(body, 100) },
		"no base64":       func(_ *bench, event, _ map[string]any) { event["isBase64Encoded"] = true },
		"forged":          func(_ *bench, _, headers map[string]any) { headers["x-purchasely-timestamp"] = "1773474113" },
		"not signed":      func(_ *bench, _, headers map[string]any) { clear(headers) },
		"too old":         func(b *bench, _, _ map[string]any) { b.Tolerance = time.Minute },
		"secret missing": func(b *bench, _, _ map[string]any) {
			b.get = func(context.Context, string) (webhook.Keys, error) { return webhook.Keys{}, hostile }
		},
		"secret unreadable": func(b *bench, _, _ map[string]any) {
			b.get = func(context.Context, string) (webhook.Keys, error) { return webhook.ParseKeys([]byte(key)) }
		},
		"secret hangs": func(b *bench, _, _ map[string]any) {
			b.get = func(ctx context.Context, _ string) (webhook.Keys, error) {
				<-ctx.Done()
				return webhook.Keys{}, ctx.Err()
			}
		},
		"secret panics": func(b *bench, _, _ map[string]any) {
			b.get = func(context.Context, string) (webhook.Keys, error) { panic(hostile) }
		},
		"queue refuses": func(b *bench, _, _ map[string]any) {
			b.Queue = queue(func(context.Context, message.Encoded) error { return hostile })
		},
		"queue hangs": func(b *bench, _, _ map[string]any) {
			b.Queue = queue(func(ctx context.Context, _ message.Encoded) error { <-ctx.Done(); return ctx.Err() })
		},
		"queue panics": func(b *bench, _, _ map[string]any) {
			b.Queue = queue(func(_ context.Context, m message.Encoded) error { panic(m) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var metrics bytes.Buffer
				b := newBench(t)
				b.Observer = receive.NewMetrics(&metrics)
				r := b.invoke(t.Context(), request(t, func(event, headers map[string]any) {
					if edit != nil {
						edit(b, event, headers)
					}
				}))
				var said strings.Builder
				said.WriteString(r.Body + b.log.String() + metrics.String())
				for _, m := range b.queued {
					said.WriteString(m.GroupID + m.DeduplicationID)
					for name, value := range m.Attributes {
						said.WriteString(name + value)
					}
				}
				if metrics.Len() == 0 || (b.log.Len() == 0) != (r.Status == 200) {
					t.Errorf("%d bytes of metrics, %d of log", metrics.Len(), b.log.Len())
				}
				for _, word := range words {
					if strings.Contains(said.String(), word) {
						t.Errorf("%q in %s", word, said.String())
					}
				}
			})
		})
	}
}
