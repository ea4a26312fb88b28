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
	t.Run("returns what was written to standard output", func(t *testing.T) {
		out, err := finish(t.Context(), log, os.Environ(), "sh", "-c", "echo out; echo err >&2")
		if err != nil || string(out) != "out\n" {
			t.Errorf("got %q, %v", out, err)
		}
	})
	t.Run("a failure shows the end of the log and where it is", func(t *testing.T) {
		_, err := finish(t.Context(), log, os.Environ(), "sh", "-c", "echo the reason >&2; exit 3")
		for _, want := range []string{"exit status 3", "the reason", log} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q in %v", want, err)
			}
		}
	})
	t.Run("a program that is not there is named", func(t *testing.T) {
		_, err := finish(t.Context(), log, nil, filepath.Join(t.TempDir(), "absent"))
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an interruption is one", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := finish(ctx, log, os.Environ(), "sh", "-c", "sleep 60"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
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
	t.Run("one that ends at once says why", func(t *testing.T) {
		s := start(t, "echo no room; exit 1")
		err := s.until(t.Context(), time.Minute, func(context.Context) bool { return false })
		if err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one that is never ready is given up", func(t *testing.T) {
		s := start(t, "exec sleep 60")
		err := s.until(t.Context(), time.Millisecond, func(context.Context) bool { return false })
		if err == nil || !strings.Contains(err.Error(), "not ready within 1ms") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("stopping ends its children too", func(t *testing.T) {
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
		s.stop()
		for gone := false; !gone; gone = syscall.Kill(child, 0) != nil || isZombie(child) {
			if t.Context().Err() != nil {
				t.Fatal("the child lives on")
			}
		}
	})
}

// isZombie reports whether a process has ended and waits for whoever adopted it to notice.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestFree(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	err = free(port, "PORT")
	if err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(port)+" of 127.0.0.1 is in use") || !strings.Contains(err.Error(), "PORT=") {
		t.Errorf("got %v", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := free(port, "PORT"); err != nil {
		t.Errorf("got %v", err)
	}
}
