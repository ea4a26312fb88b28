// Package lambdatest runs a built Lambda function with a fake of Lambda's Runtime API, for tests.
//
// It promises the API as the platform has it: one invocation at a time, deadlines that end the process, and
// errors that say how a process ended and what it printed. No process outlives its test, even if the test is
// killed (on Linux). It does not limit memory or CPU, and never starts a second process by itself.
package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Errors of an invocation without an answer.
var (
	// ErrExited means that the process has ended.
	ErrExited = errors.New("function process has exited")
	// ErrTimeout means that the deadline passed. Like the platform, [Function.Invoke] kills the process then.
	ErrTimeout = errors.New("function timed out")
)

// startTimeout is how long a process may take to ask for an invocation, on a machine that is busy with other
// things.
const startTimeout = time.Minute

// Function is a Lambda function with at most one process.
type Function struct {
	// Grace is how long a process may live after its deadline. The platform gives none; a test on a busy
	// machine may.
	Grace time.Duration

	binary string
	env    []string
	output Output

	took    atomic.Int64
	mu      sync.Mutex
	process *process
}

// process is one run of the binary.
type process struct {
	cmd    *exec.Cmd
	api    *runtimeAPI
	exited chan struct{}
}

// Start starts a binary with an environment of its own: nothing is inherited. The process ends with the test.
func Start(t testing.TB, binary string, env map[string]string) *Function {
	t.Helper()
	f := New(t, binary, env)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	return f
}

// Run builds and starts the function of a folder. It may live for a minute after a deadline, on a busy machine.
func Run(t testing.TB, folder string, env map[string]string) *Function {
	t.Helper()
	f := Start(t, Build(t, folder), env)
	f.Grace = time.Minute
	return f
}

// New prepares a function without starting its process.
func New(t testing.TB, binary string, env map[string]string) *Function {
	f := &Function{binary: binary}
	all := map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME":        "function",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "INFO",
		"AWS_EXECUTION_ENV":               "AWS_Lambda_provided.al2023",
		"AWS_REGION":                      "eu-west-1",
		"AWS_DEFAULT_REGION":              "eu-west-1",
		"AWS_ACCESS_KEY_ID":               "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":           "example",
		"AWS_SESSION_TOKEN":               "example",
		"AWS_EC2_METADATA_DISABLED":       "true",
		"HOME":                            os.TempDir(),
		"PATH":                            "/usr/local/bin:/usr/bin:/bin",
	}
	maps.Copy(all, env)
	for name, value := range all {
		f.env = append(f.env, name+"="+value)
	}
	t.Cleanup(f.Kill)
	return f
}

// Setenv changes a variable for the processes to come.
func (f *Function) Setenv(name, value string) { f.env = append(f.env, name+"="+value) }

// Start starts the process, after it has killed one that still runs.
func (f *Function) Start() error {
	f.Kill()
	api, err := listen()
	if err != nil {
		return err
	}
	// The process belongs to the function, not to whoever happens to start it: no context ends it.
	cmd := exec.Command(f.binary) //nolint:gosec,noctx // The test names the binary.
	cmd.Env = append(slices.Clone(f.env), "AWS_LAMBDA_RUNTIME_API="+api.address)
	cmd.Stdout, cmd.Stderr = &f.output.Stdout, &f.output.Stderr
	cmd.SysProcAttr = dieWithParent()
	p := &process{cmd, api, make(chan struct{})}

	started := make(chan error)
	go func() {
		// The kernel ends the process with the thread that started it, so the thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // The state says how it ended.
		}
		api.close()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("function start: %w", err)
	}
	f.mu.Lock()
	f.process = p
	f.mu.Unlock()
	return nil
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (f *Function) Kill() {
	if p := f.running(); p != nil {
		p.kill()
	}
}

// Invoke hands a payload to the process, which then has the timeout to answer. An answer that reports an error
// is a *[FunctionError]. The process is killed if ctx ends, because nobody waits for its work any more.
func (f *Function) Invoke(ctx context.Context, payload []byte, timeout time.Duration) ([]byte, error) {
	p := f.running()
	if p == nil {
		return nil, fmt.Errorf("%w: it was not started", ErrExited)
	}
	call := &invocation{payload: payload, timeout: timeout, answer: make(chan answer, 1)}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case p.api.next <- call:
	case <-p.exited:
		return nil, f.exited(p)
	case <-starting.Done():
		p.kill()
		return nil, fmt.Errorf("%w before it asked for an invocation", ErrTimeout)
	}
	began := time.Now()
	defer func() { f.took.Store(int64(time.Since(began))) }()
	working, cancel := context.WithTimeout(ctx, timeout+f.Grace)
	defer cancel()
	select {
	case a := <-call.answer:
		return a.response, a.err
	case <-p.exited:
		return call.orElse(f.exited(p))
	case <-working.Done():
		p.kill()
		return call.orElse(ErrTimeout)
	}
}

// Took returns how long the last invocation took, from when the process got it.
func (f *Function) Took() time.Duration { return time.Duration(f.took.Load()) }

// StopsAtStart checks that a function with a faulty environment ends with exit code 1, after one line on standard error
// that begins with its name and names every fault.
func StopsAtStart(t *testing.T, name string, env map[string]string, faults ...string) {
	t.Helper()
	f := Start(t, Build(t, "functions/"+name), env)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if code, err := f.Wait(ctx); code != 1 || err != nil {
		t.Fatalf("exit code %d, %v", code, err)
	}
	stdout, stderr := f.Output().Stdout.String(), f.Output().Stderr.String()
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, name+": ") || stdout != "" {
		t.Errorf("printed %q and %q", stderr, stdout)
	}
	for _, fault := range faults {
		if !strings.Contains(stderr, fault) {
			t.Errorf("%q does not name %s", stderr, fault)
		}
	}
}

// Wait waits until the process has ended and returns its exit code.
func (f *Function) Wait(ctx context.Context) (code int, err error) {
	p := f.running()
	if p == nil {
		return 0, ErrExited
	}
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (f *Function) PID() int { return f.running().cmd.Process.Pid }

// Processor returns the processor time that the process's threads have used so far. Unlike the time on the
// clock it does not depend on what else the machine does. It is 0 where there is no /proc.
func (f *Function) Processor(t testing.TB) (used time.Duration) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", f.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // It has ended meanwhile.
		}
		var nanoseconds int64
		if _, err := fmt.Sscan(string(text), &nanoseconds); err != nil {
			t.Fatal(err)
		}
		used += time.Duration(nanoseconds)
	}
	return used
}

// Memory returns the most memory that the process has had, in bytes; 0 where there is no /proc.
func (f *Function) Memory(t testing.TB) int { return f.status(t, "VmHWM:") }

// Resident returns the memory that the process has now, in bytes; 0 where there is no /proc.
func (f *Function) Resident(t testing.TB) int { return f.status(t, "VmRSS:") }

func (f *Function) status(t testing.TB, figure string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.PID()))
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(text), figure)
	var kilobytes int
	if _, err := fmt.Sscan(line, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// Output returns what all processes of the function have printed so far. A line may come a moment after the
// answer that it was printed before; all of them are there after [Function.Kill] or [Function.Wait].
func (f *Function) Output() *Output { return &f.output }

// AllOutput ends the process, so that everything that it printed is there, and returns that.
func (f *Function) AllOutput() string {
	f.Kill()
	return f.output.Stdout.String() + f.output.Stderr.String()
}

// WantsOutput checks that [Function.AllOutput] has all these words, and nothing of what is secret or personal.
func (f *Function) WantsOutput(t testing.TB, words, private []string) {
	t.Helper()
	output := f.AllOutput()
	for _, word := range words {
		if !strings.Contains(output, word) {
			t.Errorf("no %s in the output:\n%s", word, output)
		}
	}
	for _, word := range private {
		if strings.Contains(output, word) {
			t.Errorf("%q is in the output:\n%s", word, output)
		}
	}
}

// WantsLine looks for a line that has all these words in [Function.AllOutput].
func (f *Function) WantsLine(t testing.TB, words ...string) {
	t.Helper()
	output := f.AllOutput()
	for line := range strings.Lines(output) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return
		}
	}
	t.Errorf("no line has %q:\n%s", words, output)
}

func (f *Function) running() *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.process
}

func (f *Function) exited(p *process) error {
	err := fmt.Errorf("%w: %s", ErrExited, p.cmd.ProcessState)
	if stderr := strings.TrimSpace(f.output.Stderr.String()); stderr != "" {
		err = fmt.Errorf("%w; standard error: %s", err, stderr)
	}
	return err
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // It may have ended by itself.
	<-p.exited
}

// Output is what the processes of a function have printed.
type Output struct{ Stdout, Stderr Printed }

// Printed collects output; it may be written and read at the same time.
type Printed struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (p *Printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

// String returns everything printed so far.
func (p *Printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}
