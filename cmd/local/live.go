package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// live is a real CleverTap account to talk to in place of the stand-in.
type live struct {
	on        bool
	yes       bool // asked and answered beforehand
	accountID string
	passcode  string
	region    string
}

// consent says what a run against the real CleverTap will send, and asks unless that was answered beforehand.
func (s *screen) consent(to live, fixtures []fixture, answers io.Reader) error {
	s.heading("LIVE=1: this talks to the real CleverTap, account %s in region %s", to.accountID, to.region)
	s.print("It will upload these records about made-up people. They stay there until you delete them.\n\n")
	for _, f := range fixtures {
		if f.want.Account != "production" {
			continue
		}
		for _, record := range f.want.Records {
			s.print("  %s\n", describe(string(record)))
		}
	}
	if to.yes {
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
