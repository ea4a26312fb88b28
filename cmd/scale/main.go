// Command scale answers how many webhooks a second a stack delivers, how far behind it falls when a million renewals come in ten
// minutes, what a million webhooks cost, and which quota is met first.
//
// It simulates queue, mapping and forwarder in virtual time with the settings of template.yaml, and promises that the same flags
// always give the same answer, and that no message is lost on the way: what arrived waits, is in flight, or was delivered. It calls
// nobody and runs none of the bridge's own code, whose pace it takes from docs/design/benchmarks.md. Failures, retries and breakers are not its
// business; `make soak` is about them.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and gives the exit code.
func run(args []string, out, errs io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(errs, "scale:", err)
		return 1
	}
	return 0
}
