package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long a process may take to end by itself before it is ended.
const patience = 5 * time.Second

// server is a process that runs until it is stopped.
type server struct {
	name    string
	log     string
	command *exec.Cmd
	stdin   io.Closer
	ended   chan struct{}
}

// startServer starts a process in a group of its own, so that a Ctrl-C in the terminal reaches this program only, which then stops the
// servers in the right order. What it prints goes to a file.
func startServer(name, log string, env []string, program string, args ...string) (*server, error) {
	command := exec.Command(program, args...) //nolint:gosec,noctx // The programs are this project's; stop ends them.
	command.Env = env
	command.SysProcAttr = ownGroup()
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	output, err := createLog(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &server{name: name, log: log, command: command, stdin: stdin, ended: make(chan struct{})}
	go func() {
		_ = command.Wait() // How it ended is in its log.
		close(s.ended)
	}()
	return s, nil
}

// stop ends the process and everything in its group, politely at first.
func (s *server) stop() {
	if s == nil {
		return
	}
	_ = s.stdin.Close()
	group := -s.command.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(patience):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-s.ended
}

// until asks ready again and again until it says yes. It fails when the process ends instead, or takes too long.
func (s *server) until(ctx context.Context, limit time.Duration, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !ready(ctx) {
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended at once:\n%s", s.name, tail(s.log))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fmt.Errorf("%s was not ready within %s:\n%s", s.name, limit, tail(s.log))
		case <-ticker.C:
		}
	}
	return nil
}

// finish runs a command to its end and returns what it wrote to standard output. All that it wrote is kept in a file, the end of
// which explains a failure.
func finish(ctx context.Context, log string, env []string, program string, args ...string) ([]byte, error) {
	output, err := createLog(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	command := exec.CommandContext(ctx, program, args...) //nolint:gosec // The programs are this project's tools.
	command.Env = env
	command.SysProcAttr = ownGroup()
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = patience
	var stdout bytes.Buffer
	command.Stdout, command.Stderr = io.MultiWriter(&stdout, output), output
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w:\n%s", filepath.Base(program), err, tail(log))
	}
	return stdout.Bytes(), nil
}

// createLog makes the file that a process writes to.
func createLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
}

// tail returns the last lines of a log, indented, and where the rest is.
func tail(path string) string {
	const most = 25
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return "    " + err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return "    " + strings.Join(lines, "\n    ") + "\n    (all of it in " + path + ")"
}

// free reports whether a port of the loopback address can be listened on, and if not, what to do.
func free(port int, variable string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // Listening on loopback waits for nothing.
	if err != nil {
		other := port + 10
		if other > 65000 {
			other = port - 1000
		}
		return fmt.Errorf("port %d of 127.0.0.1 is in use, perhaps by another `make run`: end that, or choose another port, as in `make run %s=%d`",
			port, variable, other)
	}
	return listener.Close()
}

// withParent gives a context that ends when whoever started this program is gone, even by a kill that no program can catch.
func withParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		ticker := time.NewTicker(500 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if os.Getppid() != parent {
					cancel()
				}
			}
		}
	}()
	return ctx, cancel
}
