package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
)

// options is what the user asked for with variables, as in `make run ONCE=1 PORT=5000`.
type options struct {
	Once         bool   // end after the fixtures
	Strict       bool   // the local AWS checks signatures, TLS and every call against the caller's role
	Operate      bool   // after the fixtures, do an operator's work with the commands of docs/
	Hardened     bool   // deploy with the template's optional hardening
	Queue        string // fifo or standard: the template's QueueType
	Port         int    // of the local AWS
	StandInPort  int    // of the stand-in; the next one serves what it recorded
	Architecture string // of this machine, as the template spells it
	Live         live
}

// readOptions reads all variables and reports every fault at once.
func readOptions(getenv func(string) string) (options, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	flag := func(name string) bool {
		text := getenv(name)
		if text == "" {
			return false
		}
		on, err := strconv.ParseBool(text)
		if err != nil {
			fault("%s=%s: must be 1 or 0", name, text)
		}
		return on
	}
	port := func(name string, fallback, highest int) int {
		text := getenv(name)
		if text == "" {
			return fallback
		}
		number, err := strconv.Atoi(text)
		if err != nil || number < 1024 || number > highest {
			fault("%s=%s: must be a port from 1024 to %d", name, text, highest)
		}
		return number
	}

	o := options{
		Once:        flag("ONCE"),
		Strict:      flag("STRICT"),
		Operate:     flag("OPERATE"),
		Hardened:    flag("HARDENED"),
		Queue:       getenv("QUEUE"),
		Port:        port("PORT", 4566, 65535),
		StandInPort: port("STANDIN_PORT", 9900, 65534),
		Live: live{
			on:        flag("LIVE"),
			yes:       flag("YES"),
			accountID: getenv("CLEVERTAP_ACCOUNT_ID"),
			passcode:  getenv("CLEVERTAP_PASSCODE"),
			region:    getenv("CLEVERTAP_REGION"),
		},
	}
	switch o.Queue {
	case "":
		o.Queue = "fifo"
	case "fifo", "standard":
	default:
		fault("QUEUE=%s: must be fifo or standard", o.Queue)
	}
	if o.Live.on && (o.Live.accountID == "" || o.Live.passcode == "" || o.Live.region == "") {
		fault("LIVE=1: needs CLEVERTAP_ACCOUNT_ID, CLEVERTAP_PASSCODE and CLEVERTAP_REGION in the environment")
	}
	if o.Live.on && o.Operate {
		fault("OPERATE=1: changes passcodes and refuses events, which the real CleverTap of LIVE=1 is not there for")
	}
	switch runtime.GOARCH {
	case "amd64":
		o.Architecture = "x86_64"
	case "arm64":
		o.Architecture = "arm64"
	default:
		fault("this machine is a %s; the functions are built for amd64 and arm64 only", runtime.GOARCH)
	}
	return o, errors.Join(faults...)
}
