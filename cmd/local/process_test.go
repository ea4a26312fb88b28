package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFinish(t *testing.T) {
	log := filepath.Join(t.TempDir(), "command.log")
	out, err := finish(t.Context(), log, os.Environ(), "sh", "-c", "echo out; echo err >&2")
	if err != nil || string(out) != "out\n" {
		t.Errorf("standard output is %q, %v", out, err)
	}
	_, err = finish(t.Context(), log, os.Environ(), "sh", "-c", "echo the reason >&2; exit 3")
	for _, want := range []string{"exit status 3", "the reason", log} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if _, err := finish(t.Context(), log, nil, filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := finish(ctx, log, os.Environ(), "sh", "-c", "sleep 60"); !errors.Is(err, context.Canceled) {
		t.Errorf("an interruption is %v", err)
	}
}

func TestServer(t *testing.T) {
	t.Chdir(t.TempDir())
	never := func(context.Context) bool { return false }
	_, err := startServer(t.Context(), "demo", os.Environ(), never, "sh", "-c", "echo no disk; exit 1")
	if err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("one that ends at once does not say why: %v", err)
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = startServer(soon, "demo", os.Environ(), never, "sh", "-c", "exec sleep 60")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that is never ready is not given up: %v", err)
	}
	for name, end := range map[string]func(*server){
		"stopping ends its children too":             (*server).stop,
		"the end of its input ends its children too": func(s *server) { _ = s.stdin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			var child int
			ready := func(context.Context) bool {
				text, _ := os.ReadFile(serverLog("demo"))
				child, _ = strconv.Atoi(strings.TrimSpace(string(text)))
				return child > 0
			}
			s, err := startServer(t.Context(), "demo", os.Environ(), ready, "sh", "-c", "sleep 60 & echo $!; wait")
			if err != nil {
				t.Fatal(err)
			}
			defer s.stop()
			end(s)
			gone := func() (bool, error) { return syscall.Kill(child, 0) != nil || isZombie(child), nil }
			if err := poll(t.Context(), time.Minute, gone); err != nil {
				t.Errorf("the child lives on: %v", err)
			}
		})
	}
}

// isZombie reports whether a process has ended and waits for whoever adopted it to notice.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestPortsInUseAreNamed(t *testing.T) {
	var ports []int
	for range 2 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	err := options{mode: modeAPI, Port: ports[0], FakePort: ports[1] - 1}.checkPorts()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{strconv.Itoa(ports[0]), strconv.Itoa(ports[1]), "`make api PORT=", " FAKE_PORT="} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if free(ports[0]) {
		t.Error("a port in use is called free")
	}
}
