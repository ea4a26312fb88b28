package main

import (
	"context"
	"fmt"
	"strings"
)

// check is something that is tried when all webhooks have arrived. It returns in a line what came of it.
type check struct {
	name string
	try  func(context.Context, *stack) (came string, err error)
}

// checks are tried in their order.
var checks = []check{
	{"bridge app check", checkApp},
}

// tryAll tries what concerns the whole stack, shows what came of it, and returns how much of it is wrong.
func tryAll(ctx context.Context, s *stack, screen *screen) (failed int) {
	for _, c := range checks {
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

// checkApp asks the tool whether the app's secrets are right, which is what an operator asks first.
func checkApp(ctx context.Context, s *stack) (came string, err error) {
	shown, exit, err := s.shell(ctx, "bridge app check --stack "+documented+" demo", "")
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d:\n%s", exit, shown)
	}
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	return lines[len(lines)-1], err
}
