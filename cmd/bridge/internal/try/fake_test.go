package try

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
)

// fakeCleverTap is a fake CleverTap that was started by its command line.
type fakeCleverTap struct {
	t              *testing.T
	uploads, admin string
	stdin          io.Closer
	stop           context.CancelFunc
	stopped        chan int
}

func start(t *testing.T, args ...string) *fakeCleverTap {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	in, stdin := io.Pipe()
	out, stdout := io.Pipe()
	s := &fakeCleverTap{t: t, stdin: stdin, stop: cancel, stopped: make(chan int, 1)}
	args = append([]string{
		"fake", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--account", "TEST-1:demo-passcode:in1",
	}, args...)
	go func() {
		s.stopped <- cli.Run(ctx, cli.Group("bridge", "", "", NewFakeCommand()), args, in, stdout, io.Discard)
		_ = stdout.Close()
	}()
	line, _ := bufio.NewReader(out).ReadString('\n')
	addresses := regexp.MustCompile(`http://[\d.:]+`).FindAllString(line, -1)
	if len(addresses) != 2 {
		t.Fatalf("it printed %q", line)
	}
	s.uploads, s.admin = addresses[0], addresses[1]
	return s
}

// expect makes a request, and checks the answer's status and body.
func (s *fakeCleverTap) expect(method, url, body string, status int, text string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("X-CleverTap-Account-Id", "TEST-1")
	request.Header.Set("X-CleverTap-Passcode", "demo-passcode")
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || !strings.Contains(string(got), text) {
		s.t.Errorf("%s %s: %d %s, %v; want %d and %q", method, url, response.StatusCode, got, err, status, text)
	}
}

const oneRecord = `{"d":[{"type":"event","identity":"a","ts":1793620800,"evtName":"X","evtData":{"event_id":"1"}}]}`

func TestFakeServesUploadsAndShowsThem(t *testing.T) {
	s := start(t)
	s.expect("POST", s.uploads+"/in1.api.clevertap.com/1/upload", oneRecord, 200, "")
	s.expect("POST", s.uploads+"/us1.api.clevertap.com/1/upload", oneRecord, 401, "")
	s.expect("GET", s.admin+"/records", "", 200, `"event_id":"1"`)
	s.stop()
	if code := <-s.stopped; code != cli.OK {
		t.Errorf("it ended with code %d", code)
	}
}

func TestFakeEndsWithItsParent(t *testing.T) {
	s := start(t, "--exit-with-parent")
	if err := s.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-s.stopped; code != cli.OK {
		t.Errorf("it ended with code %d", code)
	}
}

func TestFakeTakesFaultsFromAFile(t *testing.T) {
	file := clitest.File(t, "faults.json", "\ufeff"+`[{"kind":"status","status":502,"count":1}]`)
	s := start(t, "--faults", file, "--max-in-flight", "2", "--seed", "7")
	s.expect("POST", s.uploads+"/1/upload", oneRecord, 502, "")
	s.expect("POST", s.uploads+"/1/upload", oneRecord, 200, "")
}

func TestFakeRefusesWrongFlags(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	wrong := clitest.File(t, "wrong.json", `{"kind":"thunder"}`)
	const account = "--account=TEST-1:demo-passcode:eu1 "
	for name, c := range map[string]struct {
		args string
		code int
		want string
	}{
		"no account":                       {"", cli.Usage, "--account is missing"},
		"an account without a region":      {"--account TEST-1:demo-passcode", cli.Usage, "number 1"},
		"uploads for the whole network":    {account + "--listen 0.0.0.0:0", cli.Usage, "loopback"},
		"all addresses by leaving one out": {account + "--admin :0", cli.Usage, "loopback"},
		"no uploads at a time":             {account + "--max-in-flight 0", cli.Usage, "--max-in-flight"},
		"a taken upload port":              {account + "--listen " + taken.Addr().String(), cli.Finding, "uploads"},
		"a taken second port": {account + "--listen 127.0.0.1:0 --admin " + taken.Addr().String(), cli.Finding,
			"second port"},
		"a missing file of faults": {account + "--faults " + wrong + "x", cli.Finding, "faults"},
		"an unknown fault":         {account + "--faults " + wrong, cli.Finding, "thunder"},
	} {
		t.Run(name, func(t *testing.T) {
			got := clitest.Run(t.Context(), NewFakeCommand(), "", strings.Fields("fake "+c.args)...)
			if !got.Has(c.code, "", c.want) || strings.Contains(got.Errs, "demo-passcode") {
				t.Errorf("got %+v, want code %d and %q", got, c.code, c.want)
			}
		})
	}
}
