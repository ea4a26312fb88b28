package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// check is something that is tried when all webhooks have arrived. It returns in a line what came of it.
type check struct {
	name string
	try  func(context.Context, *stack) (came string, err error)
}

// checks are tried in their order.
func (s *stack) checks(sent []fixture) []check {
	all := []check{{"bridge app check", checkApp}}
	if s.backEnd != nil {
		all = append(all, check{"your own back end", func(ctx context.Context, s *stack) (string, error) {
			return s.backEnd.check(ctx, sent)
		}})
	}
	if s.clevertap != nil && s.options.mode == modeRun { // events/users-*.json have been sent
		all = append(all, check{"a linked user", checkLink}, check{"a suppressed user", checkSuppression})
	}
	if s.clevertap != nil && s.options.mode != modeInvoke {
		all = append(all, check{"a rename by settings put", checkRename},
			check{"a faulty file in the bucket", checkFaultySettings})
	}
	if s.options.beats() {
		all = append(all, check{"a heartbeat of the schedule", checkHeartbeat})
	}
	return all
}

// tryAll tries what concerns the whole stack, shows what came of it, and returns how much of it is wrong.
func tryAll(ctx context.Context, s *stack, sent []fixture, screen *screen) (failed int) {
	for _, c := range s.checks(sent) {
		came, err := c.try(ctx, s)
		if err != nil {
			failed++
			came = "failed"
		}
		screen.result(c.name, came, err == nil)
		if err != nil {
			screen.block(red, err.Error())
		}
	}
	return failed
}

// checkApp asks the tool whether the app's secrets are right, which is what an operator asks first, and whether an
// event goes the whole way. A real account has no test events.
func checkApp(ctx context.Context, s *stack) (came string, err error) {
	line := "bridge app check --stack " + documented
	if s.clevertap != nil {
		line += " --send"
	}
	shown, exit, err := s.shell(ctx, line+" demo", "")
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d:\n%s", exit, shown)
	}
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	return lines[len(lines)-1], err
}

// checkHeartbeat waits until the schedule has sent one that came through, which takes it a minute.
func checkHeartbeat(ctx context.Context, s *stack) (came string, err error) {
	begun := time.Now()
	err = poll(ctx, 90*time.Second, func() (bool, error) {
		lines, err := s.aws.forwarderLog(ctx)
		return slices.ContainsFunc(lines, func(l logLine) bool {
			return l.App == "demo" && l.HeartbeatOk == 1
		}), err
	})
	return fmt.Sprintf("came through, %s later", seconds(time.Since(begun))), err
}
