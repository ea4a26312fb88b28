//go:build local

package main

import (
	"context"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTheStrictStack deploys with all of the template's optional hardening to a MiniStack that takes TLS only, checks
// signatures, and lets functions do no more than their roles allow. `make strict` builds what it needs and runs it.
func TestTheStrictStack(t *testing.T) {
	t.Chdir("../..")
	began, screen := time.Now(), newScreen(os.Stdout)
	o, err := readOptions(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := loadFixtures("events")
	if err != nil {
		t.Fatal(err)
	}
	o.tls = newTLSFiles(t)
	o.parameters = func(ctx context.Context, s *stack) (parameters []string, err error) {
		err = s.python(ctx, &parameters, "harden")
		return append(parameters, "RetryDelay=1s", "BreakerPause=1s"), err // An operator waits for both.
	}
	s, err := deploy(t.Context(), o, screen)
	t.Cleanup(s.stop)
	if err == nil {
		err = s.python(t.Context(), &struct{}{}, "batches")
	}
	if err != nil {
		t.Fatal(err)
	}
	failed, err := sendAll(t.Context(), s, fixtures, screen, began)
	if err != nil || failed > 0 {
		t.Fatalf("%d of %d webhooks did not end as their fixtures say, %v", failed, len(fixtures), err)
	}
	t.Run("an operator's day", func(t *testing.T) {
		records, err := s.clevertap.records(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(runFolder, "shell", "backfill.jsonl"), backfill, 0o600); err != nil {
			t.Fatal(err)
		}
		d := &day{stack: s, seen: len(records)}
		for _, step := range operatorSteps() {
			screen.print("  %s\n", s.local(step.line))
			if err := d.do(t.Context(), step); err != nil {
				t.Fatalf("%s: %v", step.line, err)
			}
		}
	})
	for _, command := range []string{"hardened", "roles"} { // The second changes whom the roles trust.
		t.Run(command, func(t *testing.T) {
			var seen [][3]string
			if err := s.python(t.Context(), &seen, command); err != nil || len(seen) < 10 {
				t.Fatalf("%d were tried, %v", len(seen), err)
			}
			for _, c := range seen {
				if c[1] != c[2] {
					t.Errorf("%s: want %s, got %s", c[0], c[1], c[2])
				}
			}
		})
	}
}

// newTLSFiles writes the certificate for loopback that httptest has.
func newTLSFiles(t *testing.T) *tlsFiles {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	files := &tlsFiles{filepath.Join(folder, "server.crt"), filepath.Join(folder, "server.key"), server.Client()}
	for file, block := range map[string]*pem.Block{
		files.certificate: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, files.key: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// operatorStep is a line of an operator's day: something that is typed, or that happens elsewhere.
type operatorStep struct {
	line  string   // with its first character, as testdata/day.txt explains
	input string   // what is typed at its questions
	exit  int      // its exit code
	shows []string // what it shows, among other things
}

//go:embed testdata/day.txt
var operatorDay string

//go:embed testdata/backfill.jsonl
var backfill []byte

func operatorSteps() (steps []operatorStep) {
	for line := range strings.Lines(operatorDay) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '$' || line[0] == '>':
			steps = append(steps, operatorStep{line: line})
		case line[0] == '<':
			steps[len(steps)-1].input += line[2:] + "\n"
		case strings.HasPrefix(line, "exit "):
			steps[len(steps)-1].exit = int(line[5] - '0')
		default:
			steps[len(steps)-1].shows = append(steps[len(steps)-1].shows, line)
		}
	}
	return steps
}

func TestTheOperatorTypesWhatTheDocsSay(t *testing.T) {
	var docs strings.Builder
	for _, page := range []string{"commands", "apps", "runbook"} {
		text, err := os.ReadFile("../../docs/guide/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(text)
	}
	for _, step := range operatorSteps() {
		if line, typed := strings.CutPrefix(step.line, "$ "); typed && !strings.Contains(docs.String(), line) {
			t.Errorf("no page says %q", line)
		}
	}
}

// day is how far an operator's day has come.
type day struct {
	stack *stack
	seen  int // how many records were at CleverTap after the last wait
}

func (d *day) do(ctx context.Context, step operatorStep) error {
	words := append(strings.SplitN(step.line, " ", 4), "")
	switch words[1] {
	case "POST", "DELETE":
		return d.stack.clevertap.ask(ctx, words[1], words[2], words[3], nil)
	case "arrives":
		return poll(ctx, 30*time.Second, func() (bool, error) { return d.arrives(ctx, words[2], words[3]) })
	case "is":
		return poll(ctx, 30*time.Second, func() (bool, error) { return d.failed(ctx, words[2], words[3]) })
	}
	shown, exit, err := d.stack.shell(ctx, step.line[2:], step.input)
	if err != nil || exit != step.exit {
		return fmt.Errorf("exit code %d, want %d, %w:\n%s", exit, step.exit, err, shown)
	}
	for _, want := range step.shows {
		if !strings.Contains(shown, want) {
			return fmt.Errorf("does not show %q but:\n%s", want, shown)
		}
	}
	return nil
}

// arrives reports whether so many events of a name have arrived since the last wait, "3", or nothing else, "1 alone".
func (d *day) arrives(ctx context.Context, name, count string) (bool, error) {
	all, err := d.stack.clevertap.records(ctx)
	if err != nil {
		return false, err
	}
	digits, alone := strings.CutSuffix(count, " alone")
	want, err := strconv.Atoi(digits)
	found := 0
	for _, r := range all[d.seen:] {
		if r.Name == name {
			found++
		}
	}
	if found > want || alone && len(all) > d.seen+want {
		return false, fmt.Errorf("%d records arrived, %d of them %s", len(all)-d.seen, found, name)
	}
	if found == want {
		d.seen = len(all)
	}
	return found == want, err
}

// failed reports whether a message is retried or rejected for a reason. What was accepted of it is at CleverTap by
// then.
func (d *day) failed(ctx context.Context, how, reason string) (bool, error) {
	queues, err := d.stack.aws.messages(ctx)
	if err != nil {
		return false, err
	}
	lines, err := d.stack.aws.forwarderLog(ctx)
	if err != nil {
		return false, err
	}
	records, err := d.stack.clevertap.records(ctx)
	d.seen = len(records)
	if how == "rejected" {
		return slices.ContainsFunc(queues[d.stack.queue("RejectedQueueUrl")], func(m message) bool {
			return m.Attributes["reason"].Value == reason
		}), err
	}
	logged := slices.ContainsFunc(lines, func(l logLine) bool { return l.Outcome == "retry" && l.Reason == reason })
	counted := slices.ContainsFunc(lines, func(l logLine) bool { return l.App == "demo" && l.CredentialsRefused > 0 })
	return logged && counted, err
}
