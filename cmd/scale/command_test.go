package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// command runs scale on today's template.
func command(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(append([]string{"--template", templateFile}, args...), &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

func TestTheTextPictureShowsTheRush(t *testing.T) {
	out, errs, code := command(t, "--queue", "fifo", "--burst", "5000", "--over", "10s", "--quiet", "0s", "--rate", "0", "--latency", "100ms")
	if code != 0 || errs != "" {
		t.Fatalf("code %d: %s", code, errs)
	}
	for _, want := range []string{"FIFO queue: ", "CleverTap answers in 100 ms", "5,000 renewals in 10 s", "█", "caught up", "delivered         5,000"} {
		if !strings.Contains(out, want) {
			t.Errorf("there is no %q in\n%s", want, out)
		}
	}
}

func TestJSONSaysTheSame(t *testing.T) {
	out, errs, code := command(t, "--queue", "standard", "--burst", "9000", "--over", "1s", "--rate", "0", "--concurrency", "3", "--uploads", "1",
		"--memory", "1769", "--no-subscriber-state", "--json")
	if code != 0 {
		t.Fatal(errs)
	}
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Queue != standard || r.Forwarders != 3 || r.Uploads != 1 || r.MemoryMB != 1769 || r.Subscribers || r.Delivered != 9000 || r.Capacity <= 0 {
		t.Errorf("%+v", r)
	}
	last := r.Course[len(r.Course)-1]
	if last.Delivered != 9000 || last.Waiting != 0 || last.InFlight != 0 || r.PeakWaiting == 0 || r.PeakAge == 0 {
		t.Errorf("it ends with %+v", last)
	}
}

func TestThePictureIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scale.svg")
	if _, errs, code := command(t, "--burst", "100", "--over", "1s", "--rate", "0", "--svg", file); code != 0 {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "<svg ") || !strings.Contains(string(text), "100 renewals in 1 s") {
		t.Errorf("the picture is\n%s", text)
	}
	if _, errs, code := command(t, "--burst", "1", "--rate", "0", "--svg", t.TempDir()); code != 1 || !strings.Contains(errs, "picture") {
		t.Errorf("a folder instead of a file: code %d, %s", code, errs)
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	for flags, want := range map[string]string{
		"--queue fast":                "queue is fifo or standard",
		"--concurrency 1":             "concurrency is 2 to 1000",
		"--uploads -1":                "uploads are at least 1",
		"--memory 64":                 "memory is at least 128",
		"--latency 0s":                "latency is more than 0",
		"--latency 11s":               "UploadTimeout of 10s",
		"--sqs 1us":                   "sqs is at least 1ms",
		"--burst -1":                  "burst is 0 to 10,000,000",
		"--over 0s":                   "over more than 0",
		"--subscribers 0":             "subscribers at least 1",
		"--queue fifo --rate 1000":    "the queue would grow for ever",
		"--template none.yaml":        "none.yaml",
		"tables nonsense":             "invalid argument",
		"tables --template none.yaml": "none.yaml",
		"--nonsense":                  "unknown flag",
		"nonsense":                    "unknown command",
	} {
		if out, errs, code := command(t, strings.Fields(flags)...); code != 1 || !strings.Contains(errs, want) || out != "" {
			t.Errorf("%s: code %d, %q, want %q", flags, code, errs, want)
		}
	}
}

func TestABatchThatTakesTooLongIsRefused(t *testing.T) {
	m := today(t, standard)
	m.timeout = m.work(m.full()) - 1
	if err := check(m, usualLoad); err == nil || !strings.Contains(err.Error(), "forwarder needs ") {
		t.Errorf("%v", err)
	}
}

func TestTablesAreThoseThatAreNamed(t *testing.T) {
	out, errs, code := command(t, "tables", "settings", "costs")
	if code != 0 {
		t.Fatal(errs)
	}
	page, err := os.ReadFile("../../docs/design/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range made.FindAllStringSubmatch(string(page), -1) {
		lines := strings.Split(block[0], "\n")
		named := block[1] == "settings" || block[1] == "costs"
		if text := strings.Join(lines[1:len(lines)-1], "\n"); strings.Contains(out, text) != named {
			t.Errorf("%s is printed, or is not, and should not be, or should:\n%s", block[1], out)
		}
	}
}
