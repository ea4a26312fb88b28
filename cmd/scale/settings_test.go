package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

const templateFile = "../../template.yaml"

func TestSettingsAreTheTemplates(t *testing.T) {
	text, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]settings{
		"": {
			queue: standard, batch: 700, window: 3 * time.Second, concurrency: 4, idle: 2, uploads: 3, memory: 640, receiver: 192,
			subscriberState: true, visibility: 190 * time.Second, retention: 1000 * time.Second, timeout: 31 * time.Second, uploadTimeout: 9 * time.Second,
		},
		fifo: {
			queue: fifo, batch: 9, concurrency: 11, idle: 2, uploads: 1, memory: 640, receiver: 192,
			subscriberState: true, visibility: 200 * time.Second, retention: 2000 * time.Second, timeout: 31 * time.Second, uploadTimeout: 9 * time.Second,
		},
	}
	for queue, want := range want {
		if got, err := readSettings(file, queue); err != nil || got != want {
			t.Errorf("%q: %+v, %v\nwant %+v", queue, got, err, want)
		}
	}
}

func TestATemplateWithoutASettingIsAnError(t *testing.T) {
	text, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]struct{ old, fresh, want string }{
		"no batch size":          {"BatchSize: 700", "", "EventsStandard.Properties.BatchSize: no such value"},
		"words for a number":     {"MemorySize: 640", "MemorySize: much", "Forwarder.Properties.MemorySize: not a whole number"},
		"another queue":          {"Default: standard", "Default: fast", `not "fast"`},
		"no duration":            {"Default: 9s", "Default: soon", "UPLOAD_TIMEOUT: not a duration"},
		"no row of its own":      {"standard: {Forwarders: 4", "other: {Forwarders: 4", "MaximumConcurrency: no such value"},
		"an unknown condition":   {"[SendToStandard, 2,", "[Whatever, 2,", "MaximumConcurrency: no such value"},
		"not YAML":               {"Parameters:", "Parameters: [", "template "},
		"a function without end": {"[ByQueueType, !Ref QueueType, Forwarders]", "[ByQueueType]", "MaximumConcurrency: no such value"},
	} {
		file := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), change.old, change.fresh, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSettings(file, ""); err == nil || !strings.Contains(err.Error(), change.want) {
			t.Errorf("%s: %v, want %s", what, err, change.want)
		}
	}
	if _, err := readSettings(filepath.Join(t.TempDir(), "none.yaml"), ""); err == nil {
		t.Error("a template that is not there was read")
	}
}

// TestTheTemplateKeepsWithinItsLimits is what docs/design/scale.md says of today's template.
func TestTheTemplateKeepsWithinItsLimits(t *testing.T) {
	for _, queue := range queues {
		m := today(t, queue)
		if all := (m.concurrency + m.idle) * m.uploads; all > clevertap.MaxInFlight {
			t.Errorf("%s: %d uploads at once, CleverTap takes %d", queue, all, clevertap.MaxInFlight)
		}
		if err := check(m, usualLoad); err != nil {
			t.Errorf("%s: %v", queue, err)
		}
		m.latency = m.uploadTimeout
		if m.work(m.full()) >= m.timeout {
			t.Errorf("%s: a batch may take %s, an invocation %s", queue, m.work(m.full()), m.timeout)
		}
		if m.visibility < 6*m.timeout+m.window {
			t.Errorf("%s: a visibility of %s is less than AWS advises", queue, m.visibility)
		}
	}
}
