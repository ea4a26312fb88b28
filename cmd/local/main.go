// Command local is what `make run` runs: the whole path of a webhook on this machine, with the template that goes to
// AWS.
//
// It builds and deploys template.yaml with SAM CLI to MiniStack, a local AWS, starts a strict fake CleverTap and a
// back end that verifies what is relayed to it, sends every webhook of events/ through the API's URL, and compares the
// outcome of each with the file beside it. With OPERATE=1 it then does an operator's day with the documented commands.
//
// Everything listens on the loopback address only, nothing that it started outlives it, and files appear in .local/
// only. It installs nothing, which is the Makefile's work, and uses none of the bridge's own code: it sees what a
// caller on the network sees.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() { // Whoever kills `make` outright sends no signal here.
		for parent := os.Getppid(); os.Getppid() == parent; {
			time.Sleep(time.Second)
		}
		stop()
	}()
	where := modeRun
	if len(os.Args) > 1 {
		where = mode(os.Args[1])
	}
	err := execute(ctx, where)
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "\nstopped")
		os.Exit(130)
	case err != nil:
		fmt.Fprintf(os.Stderr, "\nmake %s: %v\n", where, err)
		os.Exit(1)
	}
}

// execute deploys the stack and sends the fixtures. Then it stays until ctx ends, unless ONCE=1.
func execute(ctx context.Context, where mode) error {
	began := time.Now()
	o, err := readOptions(os.Getenv, where)
	if err != nil {
		return err
	}
	all, err := loadFixtures("events")
	if err != nil {
		return err
	}
	if o.mode != modeInvoke {
		all.batches = nil // They are for a forwarder in a container.
	}
	if o.Live || o.mode == modeAPI { // Nothing is linked in a real account, and sam local has no routes with a condition.
		all.users = nil
	}
	if o.Event != "" {
		if all, err = all.only(o.Event); err != nil {
			return err
		}
	}
	screen := newScreen(os.Stdout)
	if o.Live {
		if err := screen.confirm(o, all.webhooks, os.Stdin); err != nil {
			return err
		}
	}
	stack, err := deploy(ctx, o, screen)
	defer stack.stop()
	if err != nil {
		return err
	}
	go stack.aws.feedMetrics(ctx)
	if all.own != "" {
		return stack.showAnswer(ctx, all.own)
	}
	if err := stack.try(ctx, all); err != nil {
		return err
	}
	screen.summary(all.count(), time.Since(began))
	if o.Operate {
		if err := stack.operate(ctx); err != nil {
			return err
		}
	}
	if o.Once {
		if screen.wrong > 0 {
			return fmt.Errorf("not as it should be: %d of what was tried", screen.wrong)
		}
		return nil
	}
	if where == modeRun {
		screen.heading("The console")
		if err := screen.step("starting it", func() error { return stack.startConsole(ctx) }); err != nil {
			return err
		}
	}
	stack.instruct()
	<-ctx.Done()
	screen.heading("stopping")
	return nil
}

// try sends all fixtures, and tries what concerns the whole stack.
func (s *stack) try(ctx context.Context, all fixtures) error {
	if len(all.webhooks) > 0 {
		s.screen.heading("What each webhook of events/ became in CleverTap")
		differs, err := ownFileDiffers()
		if err != nil {
			return err
		}
		if differs {
			s.screen.print("  They bring their own integration file, %s. Yours differs, and counts when you deploy.\n",
				fixturesFile)
		}
		if s.options.mode == modeInvoke && len(all.webhooks) > s.options.atOnce() {
			s.screen.print("  Every container takes some seconds; %d start at once, and series one after the other.\n",
				s.options.atOnce())
		}
		if err := s.sendAll(ctx, all.webhooks); err != nil {
			return err
		}
	}
	if len(all.users) > 0 {
		if err := s.sendUsers(ctx, all.users); err != nil {
			return err
		}
	}
	if len(all.batches) > 0 {
		return s.invokeBatches(ctx, all.batches)
	}
	if s.options.mode != modeInvoke {
		s.tryAll(ctx, all.webhooks)
	}
	return nil
}

// mode is where the functions run: what make calls it.
type mode string

const (
	modeRun    mode = "run"    // in the local AWS
	modeInvoke mode = "invoke" // the receiver, and the forwarder for batches, in containers by sam local invoke
	modeAPI    mode = "api"    // the receiver in containers behind sam local start-api
)

// options is what the user sets with variables, as in `make run ONCE=1 PORT=5000`.
type options struct {
	Event                       string // a file: of all events only this one
	Once                        bool   // end after the fixtures
	Operate                     bool   // do an operator's day after them
	Queue                       string // fifo or standard: the template's QueueType
	Port                        int    // of the local AWS
	FakePort                    int    // of the fake CleverTap; the next one shows what it has, the one after is the API's
	Live, Yes                   bool   // use a real CleverTap account; do so without asking
	AccountID, Passcode, Region string // of that account

	mode         mode
	architecture string // of this machine, as the template spells it

	// Tests set these: more parameters for sam deploy, and a MiniStack that checks what it otherwise lets pass.
	parameters func(context.Context, *stack) ([]string, error)
	strict     bool
}

func (o options) apiPort() int { return o.FakePort + 2 }

// beats reports whether the stack sends heartbeats. Those that tests harden take webhooks from some addresses only.
func (o options) beats() bool { return o.mode == modeRun && !o.Live && o.parameters == nil }

// relays reports whether webhooks are passed on to a back end as well. Containers would not reach it.
func (o options) relays() bool { return o.mode == modeRun && !o.Live }

// atOnce is how many webhooks are sent at once. A container takes seconds to start, most of which it waits.
func (o options) atOnce() int {
	if o.mode == modeInvoke {
		return 4
	}
	return 1
}

// readOptions reads all variables and reports every wrong one at once.
func readOptions(getenv func(string) string, where mode) (options, error) {
	var wrong []error
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	flag := func(name string) bool {
		on, err := strconv.ParseBool(getenv(name))
		if err != nil && getenv(name) != "" {
			fail("%s=%s: must be 1 or 0", name, getenv(name))
		}
		return on
	}
	port := func(name string, usual, highest int) int {
		if getenv(name) == "" {
			return usual
		}
		number, err := strconv.Atoi(getenv(name))
		if err != nil || number < 1024 || number > highest {
			fail("%s=%s: must be a port from 1024 to %d", name, getenv(name), highest)
		}
		return number
	}
	o := options{
		mode: where, Event: getenv("EVENT"), Queue: getenv("QUEUE"),
		Once: flag("ONCE") || where == modeInvoke, Operate: flag("OPERATE"),
		Port: port("PORT", 4566, 65535), FakePort: port("FAKE_PORT", 9900, 65533),
		Live: flag("LIVE"), Yes: flag("YES"), AccountID: getenv("CLEVERTAP_ACCOUNT_ID"),
		Passcode: getenv("CLEVERTAP_PASSCODE"), Region: getenv("CLEVERTAP_REGION"),
		architecture: map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH],
	}
	switch o.Queue {
	case "":
		o.Queue = "fifo"
	case "fifo", "standard":
	default:
		fail("QUEUE=%s: must be fifo or standard", o.Queue)
	}
	if o.Live && (o.AccountID == "" || o.Passcode == "" || o.Region == "") {
		fail("LIVE=1: needs CLEVERTAP_ACCOUNT_ID, CLEVERTAP_PASSCODE and CLEVERTAP_REGION in the environment")
	}
	if o.Event != "" && where != modeInvoke {
		fail("EVENT=%s: is for `make invoke`", o.Event)
	}
	if o.Live && (o.Operate || where != modeRun) {
		fail("LIVE=1: is for `make run`, and without OPERATE=1, which lets CleverTap fail")
	}
	if o.architecture == "" {
		fail("this machine is a %s; the functions are built for amd64 and arm64 only", runtime.GOARCH)
	}
	return o, errors.Join(wrong...)
}

// confirm says what a run with the real CleverTap will send, and asks unless YES=1 answers that.
func (s *screen) confirm(o options, fixtures []fixture, answers io.Reader) error {
	s.heading("LIVE=1: this uses the real CleverTap, account %s in region %s", o.AccountID, o.Region)
	s.print("It will upload these records about made-up people. They stay there until you delete them.\n\n")
	for _, f := range fixtures {
		if f.want.Account != "production" {
			continue
		}
		for _, record := range f.want.Records {
			s.print("  %s\n", describe(record, ""))
		}
	}
	if o.Yes {
		return nil
	}
	s.print("\nGo on? Type yes: ")
	line, err := bufio.NewReader(answers).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != "yes" {
		return errors.New("nothing was sent; YES=1 answers this beforehand")
	}
	return nil
}
