package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheRunbooksCommandsExist holds every command line of the pages for people on call against the real commands and flags.
func TestTheRunbooksCommandsExist(t *testing.T) {
	command := regexp.MustCompile("(?m)^ {4,}(.*\\bbridge .*)$|`(bridge [^`]*)`")
	for _, page := range []string{"../../docs/guide/runbook.md", "../../docs/guide/apps.md", "../../docs/guide/subscribers.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := command.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s has no command", page)
		}
		for _, match := range found {
			for part := range strings.SplitSeq(match[1]+match[2], "|") {
				words := strings.Fields(part)
				if len(words) == 0 || words[0] != "bridge" {
					continue
				}
				cmd, rest, err := newRootCommand().Find(words[1:])
				if err == nil && !cmd.HasParent() {
					t.Errorf("%s: there is no command %q", page, part)
				}
				if err == nil {
					err = cmd.ParseFlags(rest)
				}
				if err != nil {
					t.Errorf("%s: %q: %v", page, part, err)
				}
			}
		}
	}
}
