//go:build backends

package relay_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/relay"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// backends are the languages of docs/guide/relay.md: in which file a program is run, and how.
var backends = map[string]struct {
	block, file string
	command     []string
}{
	"node":   {"js", "server.mjs", []string{"node", "server.mjs"}},
	"python": {"python", "server.py", []string{"python3", "server.py"}},
	"ruby":   {"ruby", "config.ru", []string{"puma", "-b", "tcp://127.0.0.1:$PORT", "config.ru"}},
	"java":   {"java", "BackEnd.java", []string{"java", "BackEnd.java"}},
	"go":     {"go", "main.go", []string{"go", "run", "main.go"}},
}

// TestTheGuidesBackEndsVerify starts the guide's programs as they stand there, those whose language is on this
// machine, and posts as the relay does.
func TestTheGuidesBackEndsVerify(t *testing.T) {
	page, err := os.ReadFile("../../docs/guide/relay.md")
	if err != nil {
		t.Fatal(err)
	}
	const key, stamp = "lantern-quartz-42", "1773474112"
	body := []byte(`{"event_name": "ACTIVATE","user_id":"rosée-7"}`)
	genuine := webhook.Sign(secret.New(key), stamp, body)
	for language, b := range backends {
		t.Run(language, func(t *testing.T) {
			program := regexp.MustCompile("(?s)```" + b.block + "\n(.*?)```").FindSubmatch(page)
			if program == nil {
				t.Fatalf("the page has no block of %s", b.block)
			}
			if _, err := exec.LookPath(b.command[0]); err != nil {
				t.Logf("not run, because there is no %s on this machine", b.command[0])
				return
			}
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, b.file), program[1], 0o600); err != nil {
				t.Fatal(err)
			}
			address := listen(t, folder, key, b.command)
			client := &relay.Client{Transport: relay.NewTransport(true), AllowPlain: true}
			to := &integration.Relay{URL: "http://" + address + "/hook", Timeout: 10 * time.Second}
			for name, c := range map[string]struct {
				stamp, signature, body string
				status                 int
			}{
				"genuine":             {stamp, genuine, string(body), 200},
				"one byte more":       {stamp, genuine, string(body) + " ", 401},
				"another time":        {"1773474113", genuine, string(body), 401},
				"another secret":      {stamp, webhook.Sign(secret.New("other"), stamp, body), string(body), 401},
				"no signature at all": {stamp, "", string(body), 401},
			} {
				w := relay.Webhook{Body: []byte(c.body), Timestamp: c.stamp, Signature: c.signature, Attempt: 1}
				if answer, _ := client.Post(t.Context(), to, w, nil); answer.Status != c.status {
					t.Errorf("%s: answered %d, want %d", name, answer.Status, c.status)
				}
			}
		})
	}
}

// listen starts a program, which ends with the test, and waits until it listens.
func listen(t *testing.T, folder, key string, command []string) (address string) {
	t.Helper()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_ = free.Close()
	_, port, _ := strings.Cut(address, ":")
	var output strings.Builder
	arguments := strings.Split(strings.ReplaceAll(strings.Join(command[1:], "\n"), "$PORT", port), "\n")
	program := exec.CommandContext(context.WithoutCancel(t.Context()), command[0], arguments...)
	program.Dir, program.Stdout, program.Stderr = folder, &output, &output
	program.Env = append(os.Environ(), "PURCHASELY_SHARED_SECRET="+key, "PORT="+port)
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run starts another, which has to end, too
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-program.Process.Pid, syscall.SIGKILL)
		_ = program.Wait()
		if t.Failed() {
			t.Logf("the program says %s", &output)
		}
	})
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
			_ = c.Close()
			return address
		}
	}
	t.Fatalf("nobody listens at %s", address)
	return ""
}
