package main_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

// Fewer would leave a percentile to chance.
const (
	starts = 60
	calls  = 2000
)

// usual is a webhook of the usual size.
var usual = `{"event_name":"SUBSCRIPTION_RENEWED","event_id":"8b0ffd4c-0b2a-4c0e-9f59-6d5a2f3f7a10"` +
	`,"user_id":"user-1"` +
	strings.Repeat(`,"attribute":"some value"`, 60) + "}"

// BenchmarkReceiver measures the built receiver, without and with a relay queue, beside three other functions: one
// that does nothing, one that only sends a message to the queue, and a receiver in its first, obvious form. They take
// turns call by call, so that whatever else the machine does hits all of them, and have the same Runtime API and an
// AWS that answers at once.
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
			binary, err := os.Stat(c.binary)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(microseconds(c.cold, 0.5), c.name+"-p50-µs")
			b.ReportMetric(microseconds(c.coldCPU, 0.5), c.name+"-cpu-µs")
			b.ReportMetric(float64(binary.Size())/1e6, c.name+"-binary-MB")
		}
	})
	b.Run("warm", func(b *testing.B) {
		before := make([]time.Duration, len(all))
		for i, c := range all {
			c.function, c.warm = lambdatest.Start(b, c.binary, c.env), nil
			c.invoke(b)
			before[i] = c.function.Processor(b)
		}
		n := turns(b, calls, func(turn int) {
			for i := range all {
				c := all[(turn+i)%len(all)]
				c.warm = append(c.warm, c.invoke(b))
			}
			queue.Purge()
		})
		for i, c := range all {
			used := (c.function.Processor(b) - before[i]) / time.Duration(n)
			b.ReportMetric(microseconds(c.warm, 0.5), c.name+"-p50-µs")
			b.ReportMetric(microseconds(c.warm, 0.99), c.name+"-p99-µs")
			b.ReportMetric(float64(used.Microseconds()), c.name+"-cpu-µs")
			b.ReportMetric(float64(c.function.Resident(b))/1e6, c.name+"-resident-MB")
			c.function.Kill()
		}
	})
}

// BenchmarkHostileBodies measures the built receiver with the worst bodies that the limit lets in, beside a
// usual webhook. Each has a process of its own, for its memory.
func BenchmarkHostileBodies(b *testing.B) {
	bodies := map[string]string{"a usual webhook": usual}
	for name, write := range hostile {
		bodies[name] = write(262_144 - 64)
	}
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		b.Run(name, func(b *testing.B) {
			cloud := awstest.New(b, nil)
			c := receiver(b, cloud, cloud.SQS.Create(awstest.QueueConfig{Name: "events.fifo"}))
			c.payload = signed(bodies[name]).payload(b)
			c.function = lambdatest.Start(b, c.binary, c.env)
			turns(b, 20, func(int) { c.warm = append(c.warm, c.invoke(b)) })
			b.ReportMetric(microseconds(c.warm, 0.5), "p50-µs")
			b.ReportMetric(float64(c.function.Memory(b))/1e6, "peak-MB")
		})
	}
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
	b.ReportMetric(0, "ns/op") // The sum of all contenders means nothing.
	return taken
}

// contender is one of the functions that are compared.
type contender struct {
	name     string
	binary   string
	env      map[string]string
	payload  []byte
	function *lambdatest.Function

	cold    []time.Duration // from exec to the first answer
	coldCPU []time.Duration
	warm    []time.Duration
}

func receiver(b *testing.B, cloud *awstest.Server, queue *awstest.Queue) *contender {
	b.Helper()
	cloud.Secrets.Put("bridge/demo/purchasely", `{"shared_secret":"`+key+`"}`)
	env := maps.Clone(cloud.Env())
	env["QUEUE_URL"], env["SECRETS_PREFIX"] = cloud.SQS.QueueURL(queue), "bridge"
	binary := lambdatest.Build(b, "functions/receiver")
	return &contender{name: "receiver", binary: binary, env: env, payload: signed(usual).payload(b)}
}

// contenders are the receiver and the functions it is compared with.
func contenders(b *testing.B, cloud *awstest.Server, queue *awstest.Queue) []*contender {
	b.Helper()
	call, err := json.Marshal(map[string]string{"QueueUrl": cloud.SQS.QueueURL(queue), "MessageBody": usual})
	if err != nil {
		b.Fatal(err)
	}
	post := map[string]string{
		"ADDRESS": cloud.URL, "CALL": string(call),
		"AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/" + awstest.Region +
			"/sqs/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64),
	}
	noop := lambdatest.Build(b, "functions/internal/lambdatest/testdata/noop")
	r, relaying := receiver(b, cloud, queue), receiver(b, cloud, queue)
	relaying.name = "relaying"
	relaying.env["RELAY_QUEUE_URL"] = cloud.SQS.QueueURL(cloud.SQS.Create(awstest.QueueConfig{Name: "relay.fifo"}))
	testdata := func(name string) string { return lambdatest.Build(b, "functions/receiver/testdata/"+name) }
	return []*contender{
		{name: "noop", binary: noop, payload: r.payload},
		{name: "post", binary: testdata("post"), env: post, payload: r.payload},
		{name: "plain", binary: testdata("plain"), env: r.env, payload: r.payload},
		r,
		relaying,
	}
}

// start measures from the start of a process to its first answer.
func (c *contender) start(b *testing.B) {
	c.function = lambdatest.New(b, c.binary, c.env)
	began := time.Now()
	if err := c.function.Start(); err != nil {
		b.Fatal(err)
	}
	c.invoke(b)
	c.cold = append(c.cold, time.Since(began))
	c.coldCPU = append(c.coldCPU, c.function.Processor(b))
	c.function.Kill()
}

// invoke measures one call.
func (c *contender) invoke(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	answer, err := c.function.Invoke(b.Context(), c.payload, 10*time.Second)
	took := time.Since(began)
	if err != nil || !strings.Contains(string(answer), `"statusCode":200`) {
		b.Fatalf("%s answered %s, %v", c.name, answer, err)
	}
	return took
}

// microseconds returns the duration below which a share of all is.
func microseconds(all []time.Duration, share float64) float64 {
	slices.Sort(all)
	return float64(all[int(share*float64(len(all)-1))].Microseconds())
}
