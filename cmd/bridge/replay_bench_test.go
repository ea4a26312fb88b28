package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkReplay sends 10,000 webhooks of 1.5 kB to a queue on this machine, over HTTP and at full speed; what the queue does is in the figures.
func BenchmarkReplay(b *testing.B) {
	cloud := newFakeCloud(b)
	cloud.queues[eventsName].leaky = true
	server := httptest.NewServer(cloud)
	b.Cleanup(server.Close)
	cloudClient = nil
	b.Setenv("AWS_ENDPOINT_URL", server.URL)
	b.Setenv("AWS_MAX_ATTEMPTS", "3")

	const webhooks = 10_000
	webhook, err := os.ReadFile("../../events/webhooks/subscription-renewed.json")
	if err != nil {
		b.Fatal(err)
	}
	line := strings.Join(strings.Fields(string(webhook)), " ") + "\n"
	path := filepath.Join(b.TempDir(), "backfill.jsonl")
	if err := os.WriteFile(path, []byte(strings.Repeat(line, webhooks)), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(webhooks * len(line)))
	for b.Loop() {
		if got := executeIn(b.Context(), "", replayArgs("--yes", "--restart", path)...); got.code != fine {
			b.Fatalf("got %+v", got)
		}
	}
	b.ReportMetric(float64(webhooks*b.N)/b.Elapsed().Seconds(), "webhooks/s")
}
