package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// documented is the stack's name in docs/, which a typed line has too.
const documented = "purchasely-clevertap"

// shell is where an operator types: `bridge` is on the path, the local AWS and the stand-in are in the environment.
type shell struct {
	folder string
	env    []string
	names  *strings.Replacer
}

// newShell makes one for a stack that is up.
func newShell(s *stack) (*shell, error) {
	folder := filepath.Join(home, "shell")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(filepath.Dir(bridgeTool))
	if err != nil {
		return nil, err
	}
	env := append(awsEnvironment(s.aws), "PATH="+path+string(os.PathListSeparator)+os.Getenv("PATH"))
	if s.clevertap != nil {
		env = append(env, "CLEVERTAP_ENDPOINT="+s.clevertap.endpoint+"/{host}")
	}
	// The stack's own output names a host that is AWS's.
	names := strings.NewReplacer("bridge send --stack "+documented, "bridge send --url "+s.url+"/purchasely/demo --stack "+stackName, documented, stackName)
	return &shell{folder, env, names}, nil
}

// local is a line of docs/ as it is typed here.
func (s *shell) local(line string) string { return s.names.Replace(line) }

// types runs a line, answers its questions with the input, and returns all that it shows.
func (s *shell) types(ctx context.Context, line, input string) (shown string, exit int, err error) {
	line = s.local(line)
	command := exec.CommandContext(ctx, "sh", "-c", line) //nolint:gosec // The lines are this project's own.
	command.Dir, command.Env, command.Stdin = s.folder, s.env, strings.NewReader(input)
	command.SysProcAttr = ownGroup()
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = patience
	var screen bytes.Buffer
	command.Stdout, command.Stderr = &screen, &screen
	err = command.Run()
	if ctx.Err() != nil {
		return "", 0, ctx.Err()
	}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return screen.String(), failed.ExitCode(), nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("%s: %w", line, err)
	}
	return screen.String(), 0, nil
}
