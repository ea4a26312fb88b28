package benchtest

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"
)

// Child starts a binary, as a rule the test's own once more, with a variable that makes it a server on loopback, in a process of its own: its
// work must not count as the benchmark's. It gives the first line that the server prints, its address. The server has to end when its
// standard input does.
func Child(b *testing.B, binary, variable string, args ...string) string {
	b.Helper()
	server := exec.Command(binary, args...) //nolint:gosec,noctx // A test's own, which ends with its input.
	server.Env = append(server.Environ(), variable+"=1")
	input, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close()
		_ = server.Wait()
	})
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(address)
}
