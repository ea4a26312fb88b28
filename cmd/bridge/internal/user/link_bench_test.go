//go:build blackbox

package user

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// BenchmarkLinkFile measures the built tool that links 100,000 people by a file, at no rate. The table is in this
// process and answers at once.
func BenchmarkLinkFile(b *testing.B) {
	const people = 100_000
	binary := filepath.Join(b.TempDir(), "bridge")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, "../..").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	var text bytes.Buffer
	text.WriteString("anonymous_user_id,clevertap_id\n")
	for i := range people {
		fmt.Fprintf(&text, "5D0F2C81-7A36-4E9B-B1C4-92E6A8%06d,__g5d0f2c817a36%06d\n", i, i)
	}
	file := filepath.Join(b.TempDir(), "links.csv")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		cloud := awstest.New(b, nil)
		table := cloud.Dynamo.Create("people", subscriber.PartitionAttribute, subscriber.SortAttribute)
		command := exec.CommandContext(b.Context(), binary, "user", "link", "--table", "people", "--app", "demo",
			"--integrations", "../../../../events/integrations.yaml", "--file", file, "--yes", "--rate", "0")
		command.Env = os.Environ()
		for name, value := range cloud.Env() {
			command.Env = append(command.Env, name+"="+value)
		}
		if out, err := command.CombinedOutput(); err != nil || len(table.Keys()) != people {
			b.Fatalf("%v, %d items: %s", err, len(table.Keys()), out)
		}
		usage, _ := command.ProcessState.SysUsage().(*syscall.Rusage)
		b.ReportMetric(float64(usage.Maxrss)/1000, "peak-MB")
		b.ReportMetric((command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds(), "cpu-s")
	}
}
