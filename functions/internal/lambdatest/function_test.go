package lambdatest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
)

const long = 10 * time.Second

func sample(t *testing.T, env map[string]string) *lambdatest.Function {
	t.Helper()
	return lambdatest.Start(t, lambdatest.Build(t, "functions/internal/lambdatest/testdata/sample"), env)
}

func TestAFunctionAnswersAgainAndAgain(t *testing.T) {
	f := sample(t, nil)
	for i := range 100 {
		payload := bytes.Repeat([]byte("x"), i*1000)
		got, err := f.Invoke(t.Context(), payload, long)
		if err != nil || !bytes.Equal(got, payload) {
			t.Fatalf("call %d: %d bytes, %v", i, len(got), err)
		}
	}
	f.Kill() // so that everything it printed is there
	if got := strings.Count(f.Output().Stdout.String(), "echo\n"); got != 100 {
		t.Errorf("%d lines on standard output", got)
	}
}

func TestTheEnvironmentIsTheTestsOwn(t *testing.T) {
	t.Setenv("INHERITED", "leak")
	f := sample(t, map[string]string{"OWN": "value"})
	if got, err := f.Invoke(t.Context(), []byte("env"), long); string(got) != "value" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTheDeadlineReachesTheFunction(t *testing.T) {
	f := sample(t, nil)
	got, err := f.Invoke(t.Context(), []byte("deadline"), long)
	if err != nil {
		t.Fatal(err)
	}
	var has bool
	var ms int64
	var id string
	if _, err := fmt.Sscan(string(got), &has, &ms, &id); err != nil || !has || id == "" {
		t.Fatalf("got %q, %v", got, err)
	}
	if left := time.Until(time.UnixMilli(ms)); left > long || left < long-time.Minute {
		t.Errorf("%s left", left)
	}
}

func TestAnErrorIsReturnedAndTheProcessGoesOn(t *testing.T) {
	f := sample(t, nil)
	_, err := f.Invoke(t.Context(), []byte("error"), long)
	reported, ok := errors.AsType[*lambdatest.FunctionError](err)
	if !ok || reported.Message != "on demand" {
		t.Errorf("error = %v", err)
	}
	if _, err := f.Invoke(t.Context(), []byte("{}"), long); err != nil {
		t.Error(err)
	}
}

func TestAPanicIsReturnedAndEndsTheProcess(t *testing.T) {
	f := sample(t, nil)
	_, err := f.Invoke(t.Context(), []byte("panic"), long)
	if _, ok := errors.AsType[*lambdatest.FunctionError](err); !ok {
		t.Errorf("error = %v", err)
	}
	if code, err := f.Wait(t.Context()); code == 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestAnExitIsReturnedWithWhatWasPrinted(t *testing.T) {
	f := sample(t, nil)
	_, err := f.Invoke(t.Context(), []byte("exit"), long)
	const want = "exit status 7; standard error: leaving"
	if !errors.Is(err, lambdatest.ErrExited) || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v", err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Invoke(t.Context(), []byte("again"), long); string(got) != "again" || err != nil {
		t.Errorf("after a new start: %q, %v", got, err)
	}
}

func TestAFailedStartIsReturnedWithItsExitCode(t *testing.T) {
	f := sample(t, map[string]string{"START": "fail"})
	_, err := f.Invoke(t.Context(), nil, long)
	if !errors.Is(err, lambdatest.ErrExited) || !strings.Contains(err.Error(), "cannot start") {
		t.Errorf("error = %v", err)
	}
	if code, err := f.Wait(t.Context()); code != 3 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestADeadlineEndsTheProcess(t *testing.T) {
	f := sample(t, nil)
	if _, err := f.Invoke(t.Context(), []byte("{}"), long); err != nil {
		t.Fatal(err)
	}
	pid := f.PID()
	if _, err := f.Invoke(t.Context(), []byte("hang"), 50*time.Millisecond); !errors.Is(err, lambdatest.ErrTimeout) {
		t.Errorf("error = %v", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v", pid, err)
	}
}

func TestAKilledProcessFailsItsInvocation(t *testing.T) {
	f := sample(t, nil)
	failed := make(chan error)
	go func() {
		_, err := f.Invoke(context.Background(), []byte("hang"), long)
		failed <- err
	}()
	f.Kill()
	if err := <-failed; !errors.Is(err, lambdatest.ErrExited) {
		t.Errorf("error = %v", err)
	}
}

func TestUsageIsMeasured(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	f := sample(t, nil)
	before := f.Processor(t)
	for range 100 {
		if _, err := f.Invoke(t.Context(), bytes.Repeat([]byte("x"), 1<<20), long); err != nil {
			t.Fatal(err)
		}
	}
	if used := f.Processor(t) - before; used <= 0 || f.Resident(t) < 1<<20 || f.Memory(t) < f.Resident(t) {
		t.Errorf("%s, %d bytes of %d", used, f.Resident(t), f.Memory(t))
	}
}
