package main_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/awstest"
	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// calls is how many webhooks the memory is measured after, at least.
const calls = 1000

// contender is one of the two functions that are compared.
type contender struct {
	name     string
	binary   string
	env      map[string]string
	payload  []byte
	cold     []time.Duration
	warm     []time.Duration
	resident int64 // bytes
}

// BenchmarkReceiver measures the built receiver beside a function that does nothing, call by call in turns, under the same
// Runtime API and with an AWS that answers at once. It prints its figures as a table as well.
func BenchmarkReceiver(b *testing.B) {
	cloud := awstest.New(b, nil)
	queue := cloud.SQS.Create(awstest.QueueConfig{Name: "events"})
	cloud.Secrets.Put("bridge/demo/purchasely", `{"shared_secret":"lantern-quartz-42"}`)
	env := maps.Clone(cloud.Env())
	env["QUEUE_URL"], env["SECRETS_PREFIX"] = cloud.SQS.QueueURL(queue), "bridge"
	payload := delivery(b)
	both := []*contender{
		{name: "noop", binary: lambdatest.Build(b, "functions/internal/lambdatest/testdata/noop"), payload: payload},
		{name: "receiver", binary: lambdatest.Build(b, "functions/receiver"), env: env, payload: payload},
	}
	b.Run("cold", func(b *testing.B) {
		for _, c := range both {
			c.cold = nil
		}
		for b.Loop() {
			for _, c := range both {
				c.start(b)
			}
		}
		report(b, both, func(c *contender) []time.Duration { return c.cold })
	})
	b.Run("warm", func(b *testing.B) {
		functions := make([]*lambdatest.Function, len(both))
		for i, c := range both {
			functions[i], c.warm = lambdatest.Start(b, c.binary, c.env), nil
			c.invoke(b, functions[i])
		}
		turn := func() {
			for i, c := range both {
				c.warm = append(c.warm, c.invoke(b, functions[i]))
			}
			queue.Purge()
		}
		for b.Loop() {
			turn()
		}
		for len(both[0].warm) < calls {
			turn()
		}
		report(b, both, func(c *contender) []time.Duration { return c.warm })
		for i, c := range both {
			c.resident = resident(b, functions[i].PID())
			b.ReportMetric(float64(c.resident)/1e6, c.name+"-resident-MB")
			functions[i].Kill()
		}
	})
	printTable(b, both)
}

// delivery is a signed webhook of the usual size as an HTTP API event.
func delivery(b *testing.B) []byte {
	b.Helper()
	text := `{"event_name":"SUBSCRIPTION_RENEWED","event_id":"8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10","user_id":"user-1"` +
		strings.Repeat(`,"attribute":"some value"`, 60) + "}"
	payload, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "POST /purchasely/{app}", "rawPath": "/purchasely/demo", "rawQueryString": "",
		"headers": map[string]string{
			"content-type": "application/json", "host": "api.example.com", "user-agent": "Purchasely", "x-forwarded-for": "203.0.113.17",
			"x-purchasely-timestamp":         "1773474112",
			"x-purchasely-request-signature": webhook.Sign(secret.New("lantern-quartz-42"), "1773474112", []byte(text)),
		},
		"requestContext": map[string]any{"requestId": "r-1", "http": map[string]any{"method": "POST", "path": "/purchasely/demo"}},
		"pathParameters": map[string]string{"app": "demo"}, "body": text, "isBase64Encoded": false,
	})
	if err != nil {
		b.Fatal(err)
	}
	return payload
}

// start measures from the start of a process to its first answer.
func (c *contender) start(b *testing.B) {
	f := lambdatest.New(b, c.binary, c.env)
	began := time.Now()
	if err := f.Start(); err != nil {
		b.Fatal(err)
	}
	c.invoke(b, f)
	c.cold = append(c.cold, time.Since(began))
	f.Kill()
}

// invoke measures one call.
func (c *contender) invoke(b *testing.B, f *lambdatest.Function) time.Duration {
	b.Helper()
	began := time.Now()
	answer, err := f.Invoke(b.Context(), c.payload, 10*time.Second)
	took := time.Since(began)
	if err != nil || !strings.Contains(string(answer), `"statusCode":200`) {
		b.Fatalf("%s answered %s, %v", c.name, answer, err)
	}
	return took
}

// percentile gives the duration below which a share of all lies.
func percentile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(share*float64(len(sorted)-1))]
}

func report(b *testing.B, both []*contender, measured func(*contender) []time.Duration) {
	for _, c := range both {
		for name, share := range map[string]float64{"-p50-µs": 0.5, "-p99-µs": 0.99} {
			b.ReportMetric(float64(percentile(measured(c), share).Microseconds()), c.name+name)
		}
	}
	b.ReportMetric(0, "ns/op") // Both together mean nothing.
}

// resident reads a process's memory from the kernel, 0 where it does not tell.
func resident(b *testing.B, pid int) int64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// printTable prints what was measured, if all of it was.
func printTable(b *testing.B, both []*contender) {
	b.Helper()
	floor, receiver := both[0], both[1]
	if len(floor.cold) == 0 || len(floor.warm) == 0 {
		return
	}
	fmt.Printf("\n| receiver | measured | no-op | difference |\n|---|---:|---:|---:|\n")
	row := func(name, unit string, measured, floor float64) {
		fmt.Printf("| %s | %.2f %s | %.2f %s | %.2f %s |\n", name, measured, unit, floor, unit, measured-floor, unit)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	row("exec to first answer, p50", "ms", ms(percentile(receiver.cold, 0.5)), ms(percentile(floor.cold, 0.5)))
	row("exec to first answer, p99", "ms", ms(percentile(receiver.cold, 0.99)), ms(percentile(floor.cold, 0.99)))
	row("warm, p50", "ms", ms(percentile(receiver.warm, 0.5)), ms(percentile(floor.warm, 0.5)))
	row("warm, p99", "ms", ms(percentile(receiver.warm, 0.99)), ms(percentile(floor.warm, 0.99)))
	row("resident after 1,000 calls", "MB", float64(receiver.resident)/1e6, float64(floor.resident)/1e6)
	row("binary", "MB", size(b, receiver.binary), size(b, floor.binary))
	fmt.Println()
}

// size is a file's size in megabytes.
func size(b *testing.B, path string) float64 {
	b.Helper()
	file, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return float64(file.Size()) / 1e6
}
