package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// consolePage is `bridge console` on the stack, in a process of its own.
type consolePage struct {
	*server
	address string
}

var consoleAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/\?token=\w+`)

// startConsole starts the page and reads its address.
func (s *stack) startConsole(ctx context.Context) error {
	log := filepath.Join(runFolder, "console.log")
	process, err := startServer("console", log, s.awsEnvironment(),
		bridgeTool, "console", "--stack", stackName, "--write")
	if err != nil {
		return err
	}
	c := &consolePage{server: process}
	s.console = c
	return c.until(ctx, 20*time.Second, func(context.Context) bool {
		text, _ := os.ReadFile(log) // it is there, and empty at first
		c.address = consoleAddress.FindString(string(text))
		return c.address != ""
	})
}
