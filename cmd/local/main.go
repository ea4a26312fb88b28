// Command local is what `make run` runs: the whole path of a webhook on this machine, on the template that goes to AWS.
//
// It answers the question whether the bridge works as a whole. It builds and deploys template.yaml with SAM CLI to MiniStack, a local
// AWS, starts a strict stand-in for CleverTap, sends every webhook of events/ through the API's URL, and compares what became of each
// with what is written beside it. It promises that everything listens on the loopback address only, that nothing it started
// outlives it, and that files appear in .local/ only. It installs nothing, which is the Makefile's work, and it knows nothing of the
// bridge's own code: it sees what a stranger on the network would see.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	// The kernel ends a child together with the thread that started it, so all of them are started from one that lives as long as
	// the program.
	runtime.LockOSThread()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := withParent(ctx)
	defer cancel()

	err := run(ctx)
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "\nstopped")
		os.Exit(130)
	default:
		fmt.Fprintf(os.Stderr, "\nmake run: %v\n", err)
		os.Exit(1)
	}
}

// run brings the stack up, sends the fixtures, and stays until ctx ends unless it is to end by itself.
func run(ctx context.Context) error {
	began := time.Now()
	options, err := readOptions(os.Getenv)
	if err != nil {
		return err
	}
	fixtures, err := loadFixtures("events")
	if err != nil {
		return err
	}
	screen := newScreen(os.Stdout)
	if options.Live.on {
		if err := screen.consent(options.Live, fixtures, os.Stdin); err != nil {
			return err
		}
	}

	stack, err := bringUp(ctx, options, screen)
	defer stack.stop()
	if err != nil {
		return err
	}
	screen.heading("%d webhooks", len(fixtures))
	failed, err := sendAll(ctx, stack, fixtures, screen, began)
	if err != nil {
		return err
	}
	screen.summary(len(fixtures), failed, time.Since(began))
	if options.Strict {
		wrong, err := tryRoles(ctx, stack, screen)
		if err != nil {
			return err
		}
		if wrong > 0 {
			return fmt.Errorf("%d calls did not end as the functions' roles say", wrong)
		}
	}
	if options.Hardened {
		wrong, err := lookAtHardening(ctx, stack, screen)
		if err != nil {
			return err
		}
		if wrong > 0 {
			return fmt.Errorf("%d settings are not as the hardening parameters say", wrong)
		}
	}
	if options.Operate {
		if err := operate(ctx, stack, screen); err != nil {
			return err
		}
	}
	if !options.Once {
		screen.invite(stack)
		<-ctx.Done()
		screen.heading("stopping")
		return nil
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d webhooks did not end as their fixtures say", failed, len(fixtures))
	}
	return nil
}
