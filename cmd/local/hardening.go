package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
)

// hardening makes what the optional parameters name, and gives them as `sam deploy` takes them.
func hardening(ctx context.Context, m *ministack) ([]string, error) {
	text, err := finish(ctx, filepath.Join(home, "hardening.log"), awsEnvironment(m), filepath.Join(tools, "python"), "cmd/local/hardening.py", "prepare")
	return strings.Fields(string(text)), err
}

// lookAtHardening shows what the local AWS made of the parameters, and returns how often it was something else.
func lookAtHardening(ctx context.Context, s *stack, screen *screen) (failed int, err error) {
	screen.heading("what the hardening came to")
	text, err := finish(ctx, filepath.Join(home, "hardened.log"), awsEnvironment(s.aws), filepath.Join(tools, "python"), "cmd/local/hardening.py", "look", stackName)
	if err != nil {
		return 0, err
	}
	var trials []trial
	if err := json.Unmarshal(text, &trials); err != nil {
		return 0, err
	}
	for _, t := range trials {
		screen.trial(t)
		if t.Got != t.Want {
			failed++
		}
	}
	return failed, nil
}
