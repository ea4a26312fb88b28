//go:build backends

package users_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// backends are the languages of docs/guide/users.md: in which file a program is run, and how, in the folder that
// .ci/backends has made for the language.
var backends = map[string]struct {
	block, file string
	command     []string
}{
	"node":   {"js", "link.mjs", []string{"node", "link.mjs"}},
	"python": {"python", "link.py", []string{"bin/python", "link.py"}},
	"ruby":   {"ruby", "link.rb", []string{"ruby", "link.rb"}},
	"java":   {"java", "TellBridge.java", []string{"java", "-cp", "standardwebhooks-1.1.0.jar", "TellBridge.java"}},
	"go":     {"go", "main.go", []string{"go", "run", "."}},
}

// TestTheGuidesBackEndsAreUnderstood runs the guide's programs as they stand there. BACKENDS names the languages that
// are at hand.
func TestTheGuidesBackEndsAreUnderstood(t *testing.T) {
	page, err := os.ReadFile("../../docs/guide/users.md")
	if err != nil {
		t.Fatal(err)
	}
	languages := strings.Fields(os.Getenv("BACKENDS"))
	if len(languages) == 0 {
		t.Fatal("no language: `make backends` runs this")
	}
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			h := newHarness(t)
			server := httptest.NewServer(http.HandlerFunc(h.serve))
			defer server.Close()
			b := backends[language]
			program := regexp.MustCompile("(?s)```" + b.block + "\n(.*?)```").FindSubmatch(page)
			if program == nil {
				t.Fatalf("the page has no block of %s", b.block)
			}
			folder := filepath.Join("../../.tools/backends", language)
			if err := os.WriteFile(filepath.Join(folder, b.file), program[1], 0o600); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{otherKey, demoKey} { // the right one last: its link stays
				succeeds := key == demoKey
				command := exec.CommandContext(t.Context(), b.command[0], b.command[1:]...)
				command.Dir = folder
				command.Env = append(os.Environ(), "BRIDGE_USERS_URL="+server.URL+"/users/demo", "BRIDGE_USERS_SECRET="+key,
					"NO_PROXY=127.0.0.1", "GOFLAGS=-mod=mod", "GEM_PATH=.")
				shown, err := command.CombinedOutput()
				if (err == nil) != succeeds {
					t.Errorf("it ends with %v: %s", err, shown)
				}
				if link := h.person("anonymous", "A-"+language)["clevertap_id"].Text(); (link == "__h1") != succeeds {
					t.Errorf("the link is %q", link)
				}
				if strings.Contains(string(shown), key) {
					t.Error("the program shows its key")
				}
			}
		})
	}
}

// serve hands a request to the handler as the HTTP API does.
func (h *harness) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	headers := object{}
	for name := range r.Header {
		headers[strings.ToLower(name)] = r.Header.Get(name)
	}
	app := strings.TrimPrefix(r.URL.Path, "/users/")
	status, answer := h.send(object{
		"version": "2.0", "rawPath": r.URL.Path, "pathParameters": object{"app": app}, "headers": headers,
		"body": string(body), "isBase64Encoded": false,
	})
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}
