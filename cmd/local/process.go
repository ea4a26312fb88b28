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

// exitTimeout is how long a process may take to end by itself before it is killed.
const exitTimeout = 5 * time.Second

// server is a process that runs until it is stopped.
type server struct {
	command *exec.Cmd
	stdin   io.Closer
	ended   chan struct{}
}

// untilInputEnds runs a program that is ended when its input does, which happens however this program ends.
const untilInputEnds = `exec 3<&0; (read -r _ <&3; kill 0) & exec "$@"`

// startServer starts a process in a group of its own: Ctrl-C reaches this program only, which stops servers in order.
// What the process prints goes to a file of its name. It is stopped if it is not ready until ctx ends, or in a minute.
func startServer(
	ctx context.Context, name string, env []string, ready func(context.Context) bool, program ...string,
) (*server, error) {
	program = append([]string{"-c", untilInputEnds, "sh"}, program...)
	command := exec.Command("sh", program...) //nolint:gosec,noctx // The programs are this project's; stop ends them.
	command.Env = env
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	output, err := createLog(serverLog(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &server{command: command, stdin: stdin, ended: make(chan struct{})}
	go func() {
		_ = command.Wait() // How it ended is in its log.
		close(s.ended)
	}()
	err = poll(ctx, time.Minute, func() (bool, error) {
		select {
		case <-s.ended:
			return false, errors.New("it ended at once")
		default:
			return ready(ctx), nil
		}
	})
	if err == nil {
		return s, nil
	}
	s.stop()
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w:\n%s", name, err, tail(serverLog(name)))
}

func serverLog(name string) string { return filepath.Join(runFolder, name+".log") }

// stop ends the process and everything in its group, first with SIGTERM.
func (s *server) stop() {
	group := -s.command.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(exitTimeout):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	_ = s.stdin.Close()
	<-s.ended
}

// poll asks done again and again until it reports true or an error.
func poll(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// finish runs a command to its end and returns what it wrote to standard output. All that it wrote is kept in a file,
// the end of which explains a failure.
func finish(ctx context.Context, log string, env []string, program ...string) ([]byte, error) {
	output, err := createLog(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	command := exec.CommandContext(ctx, program[0], program[1:]...) //nolint:gosec // They are this project's tools.
	command.Env = env
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// As Ctrl-C does: at SIGTERM SAM CLI would leave its containers.
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) }
	command.WaitDelay = exitTimeout
	var stdout bytes.Buffer
	command.Stdout, command.Stderr = io.MultiWriter(&stdout, output), output
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w:\n%s", filepath.Base(program[0]), err, tail(log))
	}
	return stdout.Bytes(), nil
}

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
	lines = lines[max(0, len(lines)-most):]
	return "    " + strings.Join(lines, "\n    ") + "\n    (all of it in " + path + ")"
}

// free reports whether a port of the loopback address is not in use.
func free(port int) bool {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	listener, err := net.Listen("tcp", address) //nolint:noctx // Listening on loopback waits for nothing.
	return err == nil && listener.Close() == nil
}

// checkPorts names all ports that are in use, and a command with others.
func (o options) checkPorts() error {
	var used, others []string
	for _, ports := range []struct {
		variable    string
		first, last int
	}{{"PORT", o.Port, o.Port}, {"FAKE_PORT", o.FakePort, o.apiPort()}} {
		before := len(used)
		for port := ports.first; port <= ports.last; port++ {
			if !free(port) {
				used = append(used, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			}
		}
		if len(used) > before {
			others = append(others, fmt.Sprintf("%s=%d", ports.variable, 1024+(ports.first+10)%60000))
		}
	}
	if used == nil {
		return nil
	}
	return fmt.Errorf("in use, perhaps by another `make run`: %s; end that, or choose others, as in `make %s %s`",
		strings.Join(used, ", "), o.mode, strings.Join(others, " "))
}
