//go:build soak

package soak_test

import (
	"os"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/purchasely-clevertap/bridge/shared/template"
)

// deployment is what the template makes of one queue and its forwarders.
type deployment struct {
	concurrency, batch, maxReceives, uploads int
	visibility, retention, timeout, window   time.Duration
	uploadTimeout, retryDelay, breakerPause  time.Duration
}

func readDeployment(t *testing.T, queueType string) deployment {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	p := template.New(root, queueType)
	queue := map[string]string{template.FIFO: "EventsFifo", template.Standard: "EventsStandard"}[queueType]
	of := func(path ...string) []string {
		return append([]string{"Resources", queue + "Queue", "Properties"}, path...)
	}
	mapping := func(path ...string) []string {
		return append([]string{"Resources", "Forwarder", "Properties", "Events", queue, "Properties"}, path...)
	}
	variable := func(name string) []string {
		return []string{"Resources", "Forwarder", "Properties", "Environment", "Variables", name}
	}
	d := deployment{
		concurrency:   p.Number(mapping("ScalingConfig", "MaximumConcurrency")...),
		batch:         p.Number(mapping("BatchSize")...),
		maxReceives:   p.Number(of("RedrivePolicy", "maxReceiveCount")...),
		uploads:       p.Number(variable("UPLOAD_CONCURRENCY")...),
		visibility:    p.Seconds(of("VisibilityTimeout")...),
		retention:     p.Seconds(of("MessageRetentionPeriod")...),
		timeout:       p.Seconds("Resources", "Forwarder", "Properties", "Timeout"),
		uploadTimeout: p.Duration(variable("UPLOAD_TIMEOUT")...),
		retryDelay:    p.Duration(variable("RETRY_DELAY")...),
		breakerPause:  p.Duration(variable("BREAKER_PAUSE")...),
	}
	if queueType == template.Standard {
		d.window = p.Seconds(mapping("MaximumBatchingWindowInSeconds")...)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return d
}
