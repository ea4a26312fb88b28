package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
)

var printed = regexp.MustCompile(`http://127\.0\.0\.1:\d+/\?token=\w+`)

// writer hands on what a command prints.
type writer chan string

func (w writer) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

func TestTheCommandServesUntilItIsInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "integrations.yaml")
	if err := os.WriteFile(path, []byte(twoApps), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	out, code := make(writer, 10), make(chan int, 1)
	go func() {
		root := cli.Group("bridge", "", "", NewCommand(nil))
		code <- cli.Run(ctx, root, []string{"console", "--file", path}, strings.NewReader(""), out, io.Discard)
	}()
	address := printed.FindString(<-out)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Jar: jar}).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if page, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(page), "<h1>Overview</h1>") {
		t.Errorf("got %s, %v", page, err)
	}
	interrupt()
	if got := <-code; got != cli.OK {
		t.Errorf("it ends with %d", got)
	}
	if answer, err := http.Get(address); err == nil {
		_ = answer.Body.Close()
		t.Error("it is still there")
	}
}

// nobody is a listener to whom nobody comes.
type nobody struct{ closed chan struct{} }

func (n nobody) Accept() (net.Conn, error) { <-n.closed; return nil, net.ErrClosed }
func (n nobody) Close() error              { close(n.closed); return nil }
func (n nobody) Addr() net.Addr            { return &net.TCPAddr{} }

func TestItEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), lifetime)
		defer cancel()
		began := time.Now()
		if err := serve(ctx, nobody{make(chan struct{})}, http.NotFoundHandler()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 8*time.Hour {
			t.Errorf("it has ended after %s", took)
		}
	})
}

func TestWrongCommandLines(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("mine.yaml", []byte(twoApps), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"":                                "there is no integration file here to change",
		"--file none.yaml":                "is the path right, seen from this folder?",
		"--file -":                        "cannot change standard input",
		"--file mine.yaml --stack x":      "a file or a stack, not both",
		"--file mine.yaml --write":        "flag --write is for a stack",
		"--file mine.yaml --port " + port: "port " + port + " cannot be used",
		"--stack other":                   "does not exist in region",
	} {
		args := append([]string{"console"}, strings.Fields(line)...)
		got := clitest.Run(t.Context(), NewCommand(clitest.New(t)), "", args...)
		if got.Code == cli.OK || !strings.Contains(got.Errs, want) {
			t.Errorf("%q: got %+v, want %q", line, got, want)
		}
	}
}
