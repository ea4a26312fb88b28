package main_test

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// A percentile of fewer would be chance.
const (
	starts = 60
	calls  = 2000
)

// usual is a webhook of the usual size.
var usual = `{"event_name":"SUBSCRIPTION_RENEWED","event_id":"8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10","user_id":"user-1"` +
	strings.Repeat(`,"attribute":"some value"`, 60) + "}"

const (
	benchKey   = "lantern-quartz-42"
	benchStamp = "1773474112"
)

// BenchmarkReceiver measures the built receiver beside three others, call by call in turns, so that whatever else the machine does hits all
// of them: a function that does nothing, one that does nothing but send a message to the queue, and a receiver as one would write it at
// first. All have the same Runtime API, and an AWS that answers at once.
func BenchmarkReceiver(b *testing.B) {
	cloud := awstest.New(b, nil)
	queue := cloud.SQS.Create(awstest.QueueConfig{Name: "events"})
	all := contenders(b, cloud, queue)
	b.Run("cold", func(b *testing.B) {
		for _, c := range all {
			c.cold, c.coldCPU = nil, nil
		}
		turns(b, starts, func(turn int) {
			for i := range all {
				all[(turn+i)%len(all)].start(b)
			}
			queue.Purge()
		})
		for _, c := range all {
			b.ReportMetric(float64(percentile(c.cold, 0.5).Microseconds()), c.name+"-p50-µs")
			b.ReportMetric(float64(percentile(c.coldCPU, 0.5).Microseconds()), c.name+"-cpu-µs")
			b.ReportMetric(c.size(b), c.name+"-binary-MB")
		}
	})
	b.Run("warm", func(b *testing.B) {
		for _, c := range all {
			c.function, c.warm = lambdatest.Start(b, c.binary, c.env), nil
			c.invoke(b)
		}
		before := make([]time.Duration, len(all))
		for i, c := range all {
			before[i] = c.processorTime(b)
		}
		n := turns(b, calls, func(turn int) {
			for i := range all {
				c := all[(turn+i)%len(all)]
				c.warm = append(c.warm, c.invoke(b))
			}
			queue.Purge()
		})
		for i, c := range all {
			used := (c.processorTime(b) - before[i]) / time.Duration(n)
			b.ReportMetric(float64(percentile(c.warm, 0.5).Microseconds()), c.name+"-p50-µs")
			b.ReportMetric(float64(percentile(c.warm, 0.99).Microseconds()), c.name+"-p99-µs")
			b.ReportMetric(float64(used.Microseconds()), c.name+"-cpu-µs")
			b.ReportMetric(float64(c.memory(b, "VmRSS:"))/1e6, c.name+"-resident-MB")
			c.function.Kill()
		}
	})
}

// turns takes as many turns as the benchmark asks for, and some at least.
func turns(b *testing.B, least int, take func(turn int)) (taken int) {
	for b.Loop() {
		take(taken)
		taken++
	}
	for ; taken < least; taken++ {
		take(taken)
	}
	b.ReportMetric(0, "ns/op") // All contenders together mean nothing.
	return taken
}

// receiver is the function itself.
func receiver(b *testing.B, cloud *awstest.Server, queue *awstest.Queue) *contender {
	b.Helper()
	cloud.Secrets.Put("bridge/demo/purchasely", `{"shared_secret":"`+benchKey+`"}`)
	env := maps.Clone(cloud.Env())
	env["QUEUE_URL"], env["SECRETS_PREFIX"] = cloud.SQS.QueueURL(queue), "bridge"
	return &contender{name: "receiver", binary: lambdatest.Build(b, "functions/receiver"), env: env, payload: delivery(b, usual)}
}

// contenders are the receiver and those that it is compared with.
func contenders(b *testing.B, cloud *awstest.Server, queue *awstest.Queue) []*contender {
	b.Helper()
	call, err := json.Marshal(map[string]string{"QueueUrl": cloud.SQS.QueueURL(queue), "MessageBody": usual})
	if err != nil {
		b.Fatal(err)
	}
	post := map[string]string{
		"ADDRESS": cloud.URL, "CALL": string(call),
		"AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/" + awstest.Region + "/sqs/aws4_request, SignedHeaders=host, Signature=" +
			strings.Repeat("0", 64),
	}
	r := receiver(b, cloud, queue)
	return []*contender{
		{name: "noop", binary: lambdatest.Build(b, "functions/internal/lambdatest/testdata/noop"), payload: r.payload},
		{name: "post", binary: lambdatest.Build(b, "functions/receiver/testdata/post"), env: post, payload: r.payload},
		{name: "plain", binary: lambdatest.Build(b, "functions/receiver/testdata/plain"), env: r.env, payload: r.payload},
		r,
	}
}

// delivery is a signed webhook as an HTTP API event. What is no text goes as base64, as API Gateway does it.
func delivery(b *testing.B, text string) []byte {
	b.Helper()
	body, encoded := text, !utf8.ValidString(text)
	if encoded {
		body = base64.StdEncoding.EncodeToString([]byte(text))
	}
	payload, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "POST /purchasely/{app}", "rawPath": "/purchasely/demo", "rawQueryString": "",
		"headers": map[string]string{
			"content-type": "application/json", "host": "api.example.com", "user-agent": "Purchasely", "x-forwarded-for": "203.0.113.17",
			"x-purchasely-timestamp":         benchStamp,
			"x-purchasely-request-signature": webhook.Sign(secret.New(benchKey), benchStamp, []byte(text)),
		},
		"requestContext": map[string]any{"requestId": "r-1", "http": map[string]any{"method": "POST", "path": "/purchasely/demo"}},
		"pathParameters": map[string]string{"app": "demo"}, "body": body, "isBase64Encoded": encoded,
	})
	if err != nil {
		b.Fatal(err)
	}
	return payload
}
