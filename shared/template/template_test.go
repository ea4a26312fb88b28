package template_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/template"
)

func TestTheSettingsOfEachQueueType(t *testing.T) {
	fifo := template.Stack{
		QueueType: "fifo", Batch: 9, Forwarders: 11, Uploads: 1, Memory: 640, ReceiverMemory: 192,
		Subscribers: true, MaxReceives: 50, Visibility: 200 * time.Second, Retention: 2000 * time.Second,
		Timeout: 31 * time.Second, UploadTimeout: 9 * time.Second,
		RetryDelay: 4 * time.Second, BreakerPause: 20 * time.Second,
	}
	standard := fifo
	standard.QueueType, standard.Batch, standard.Window = "standard", 700, 3*time.Second
	standard.Forwarders, standard.Uploads = 4, 3
	standard.MaxReceives, standard.Visibility, standard.Retention = 60, 190*time.Second, 1000*time.Second
	for queueType, want := range map[string]template.Stack{"": standard, "standard": standard, "fifo": fifo} {
		got, err := template.Read("testdata/template.yaml", queueType)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", queueType, err, diff)
		}
	}
}

func TestAMissingOrWrongSettingIsNamed(t *testing.T) {
	text, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, replacement, want string }{
		"no batch size":       {"BatchSize: 700", "", "Standard.Properties.BatchSize: no such value"},
		"words for a number":  {"MemorySize: 640", "MemorySize: much", `MemorySize: strconv.Atoi: parsing "much"`},
		"another queue type":  {"Default: standard", "Default: fast", `queue type "fast"`},
		"no duration":         {"Default: 9s", "Default: soon", `UPLOAD_TIMEOUT: time: invalid duration "soon"`},
		"no entry in the map": {"standard: {Forwarders: 4", "other: {Forwarders: 4", "MaximumConcurrency: no such value"},
		"not YAML":            {"Parameters:", "Parameters: [", "template "},
		"a map without a key": {"QueueType, Forwarders]", "QueueType]", "MaximumConcurrency: no such value"},
	} {
		file := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), c.old, c.replacement, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := template.Read(file, ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := template.Read("testdata/none.yaml", ""); err == nil {
		t.Error("a template that is not there was read")
	}
}
