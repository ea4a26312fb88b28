package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// running is a stand-in that was started by its command line.
type running struct {
	uploads, admin string
	stdin          io.Closer
	end            context.CancelFunc
	ended          chan error
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, stdin := io.Pipe()
	out, stdout := io.Pipe()
	r := &running{stdin: stdin, end: cancel, ended: make(chan error, 1)}
	cmd := newStandinCommand()
	cmd.SetArgs(append([]string{"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--account", "TEST-1:demo-passcode:in"}, args...))
	cmd.SetIn(in)
	cmd.SetOut(stdout)
	go func() {
		r.ended <- cmd.ExecuteContext(ctx)
		_ = stdout.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %v", err, <-r.ended)
	}
	addresses := regexp.MustCompile(`http://[\d.:]+`).FindAllString(line, -1)
	if len(addresses) != 2 {
		t.Fatalf("ready line %q", line)
	}
	r.uploads, r.admin = addresses[0], addresses[1]
	t.Cleanup(cancel)
	return r
}

func (r *running) do(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-CleverTap-Account-Id", "TEST-1")
	request.Header.Set("X-CleverTap-Passcode", "demo-passcode")
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestStandinServesUploadsAndShowsThem(t *testing.T) {
	r := start(t)
	const record = `{"type":"event","identity":"a","ts":1793620800,"evtName":"X","evtData":{"event_id":"1"}}`
	if status, body := r.do(t, http.MethodPost, r.uploads+"/in1.api.clevertap.com/1/upload", `{"d":[`+record+`]}`); status != http.StatusOK {
		t.Fatalf("upload: %d %s", status, body)
	}
	if status, body := r.do(t, http.MethodPost, r.uploads+"/us1.api.clevertap.com/1/upload", `{"d":[`+record+`]}`); status != http.StatusUnauthorized {
		t.Errorf("upload to another region: %d %s", status, body)
	}
	if status, body := r.do(t, http.MethodGet, r.admin+"/records", ""); status != http.StatusOK || !strings.Contains(body, `"event_id":"1"`) {
		t.Errorf("records: %d %s", status, body)
	}
	r.end()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func TestStandinEndsWithItsParent(t *testing.T) {
	r := start(t, "--exit-with-parent")
	if err := r.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func TestStandinTakesFaultsFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faults.json")
	if err := os.WriteFile(file, []byte(`[{"kind":"status","status":502,"count":1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--faults", file, "--max-in-flight", "2", "--seed", "7")
	const body = `{"d":[{"type":"event","identity":"a","ts":1793620800,"evtName":"X","evtData":{"event_id":"1"}}]}`
	if status, _ := r.do(t, http.MethodPost, r.uploads+"/1/upload", body); status != http.StatusBadGateway {
		t.Errorf("first upload: %d, want 502", status)
	}
	if status, _ := r.do(t, http.MethodPost, r.uploads+"/1/upload", body); status != http.StatusOK {
		t.Errorf("second upload: %d, want 200", status)
	}
}

func TestStandinRefusesWrongFlags(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	if err := os.WriteFile(wrong, []byte(`{"kind":"thunder"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const account = "--account=TEST-1:demo-passcode:eu1"
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no account":                       {[]string{}, usage, "--account is missing"},
		"an account without a region":      {[]string{"--account", "TEST-1:demo-passcode"}, usage, "number 1"},
		"uploads for the whole network":    {[]string{account, "--listen", "0.0.0.0:0"}, usage, "loopback"},
		"all addresses by leaving one out": {[]string{account, "--admin", ":0"}, usage, "loopback"},
		"no uploads at a time":             {[]string{account, "--max-in-flight", "0"}, usage, "--max-in-flight"},
		"a taken upload port":              {[]string{account, "--listen", taken.Addr().String()}, finding, "uploads"},
		"a taken second port":              {[]string{account, "--listen", "127.0.0.1:0", "--admin", taken.Addr().String()}, finding, "second port"},
		"a missing file of faults":         {[]string{account, "--faults", wrong + "x"}, finding, "faults"},
		"an unknown fault":                 {[]string{account, "--faults", wrong}, finding, "thunder"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := newStandinCommand()
			cmd.SetArgs(c.args)
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			err := cmd.ExecuteContext(t.Context())
			f, ok := errors.AsType[*failure](err)
			if !ok || f.code != c.code || !strings.Contains(f.Error(), c.want) {
				t.Errorf("got %v, want code %d and %q", err, c.code, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "demo-passcode") {
				t.Error("the passcode was repeated")
			}
		})
	}
}
