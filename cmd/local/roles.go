package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/go-json-experiment/json"
)

// trial is a call with the role of a function, as roles.py has made it.
type trial struct {
	Function string `json:"function"`
	What     string `json:"what"`
	Want     string `json:"want"`
	Got      string `json:"got"`
}

// completeRoles adds to the roles what MiniStack wants beyond AWS.
func completeRoles(ctx context.Context, m *ministack) error {
	_, err := roles(ctx, m, "complete")
	return err
}

// roles runs roles.py.
func roles(ctx context.Context, m *ministack, what string) ([]byte, error) {
	log := filepath.Join(home, "roles-"+what+".log")
	return finish(ctx, log, awsEnvironment(m), filepath.Join(tools, "python"), "cmd/local/roles.py", what, stackName)
}

// tryRoles tries what the functions may do and what they may not, shows it, and returns how often it was the other way round.
func tryRoles(ctx context.Context, s *stack, screen *screen) (failed int, err error) {
	screen.heading("what the roles allow")
	text, err := roles(ctx, s.aws, "try")
	if err != nil {
		return 0, err
	}
	var trials []trial
	if err := json.Unmarshal(text, &trials); err != nil {
		return 0, fmt.Errorf("roles.py: %w", err)
	}
	for _, t := range trials {
		screen.trial(t)
		if t.Got != t.Want {
			failed++
		}
	}
	return failed, nil
}
