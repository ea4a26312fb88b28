//go:build local

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheStrictStack deploys with all of the template's optional hardening to a MiniStack that takes TLS only, checks
// signatures, and lets functions do no more than their roles allow. `make strict` builds what it needs and runs it.
func TestTheStrictStack(t *testing.T) {
	t.Chdir("../..")
	screen := newScreen(os.Stdout)
	o, err := readOptions(os.Getenv, modeRun)
	if err != nil {
		t.Fatal(err)
	}
	all, err := loadFixtures("events")
	if err != nil {
		t.Fatal(err)
	}
	o.tls, o.Operate = newTLSFiles(t), true
	o.parameters = func(ctx context.Context, s *stack) (parameters []string, err error) {
		err = s.python(ctx, &parameters, "harden")
		return parameters, err
	}
	s, err := deploy(t.Context(), o, screen)
	t.Cleanup(s.stop)
	if err == nil {
		err = s.python(t.Context(), &struct{}{}, "allow")
	}
	if err != nil {
		t.Fatal(err)
	}
	failed, err := sendAll(t.Context(), s, all.webhooks, screen)
	if err != nil || failed > 0 {
		t.Fatalf("%d of %d webhooks did not end as their fixtures say, %v", failed, len(all.webhooks), err)
	}
	if _, err := s.backEnd.check(t.Context(), all.webhooks); err != nil {
		t.Errorf("the app's own back end: %v", err)
	}
	t.Run("an operator's day", func(t *testing.T) {
		if err := operate(t.Context(), s, screen); err != nil {
			t.Fatal(err)
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

func TestTheOperatorTypesWhatTheDocsSay(t *testing.T) {
	var docs strings.Builder
	for _, page := range []string{"commands", "apps", "runbook", "data-protection"} {
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
