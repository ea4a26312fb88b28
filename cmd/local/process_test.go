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
	start := func(t *testing.T, script string) *server {
		t.Helper()
		s, err := startServer("demo", filepath.Join(t.TempDir(), "demo.log"), os.Environ(), "sh", "-c", script)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.stop)
		return s
	}
	never := func(context.Context) bool { return false }
	err := start(t, "echo no disk; exit 1").until(t.Context(), time.Minute, never)
	if err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("one that ends at once does not say why: %v", err)
	}
	err = start(t, "exec sleep 60").until(t.Context(), time.Millisecond, never)
	if err == nil || !strings.Contains(err.Error(), "not within 1ms") {
		t.Errorf("one that is never ready is not given up: %v", err)
	}
	for name, end := range map[string]func(*server){
		"stopping ends its children too":             (*server).stop,
		"the end of its input ends its children too": func(s *server) { _ = s.stdin.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "sleep 60 & echo $!; wait")
			var child int
			err := s.until(t.Context(), time.Minute, func(context.Context) bool {
				text, _ := os.ReadFile(s.log)
				child, _ = strconv.Atoi(strings.TrimSpace(string(text)))
				return child > 0
			})
			if err != nil {
				t.Fatal(err)
			}
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
