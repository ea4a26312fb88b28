package journal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
)

// notForwarders are reasons that no message of the events queue ends with.
var notForwarders = []string{
	"too_large", "unauthorized", "unavailable", "invalid", "bad_signature", "stale", "future", "source", "back_end",
	"relay_queue",
}

func TestEveryReasonHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../../shared/fault/fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		named := strings.HasPrefix(journal.Because(reason, ""), "of the reason ")
		other := strings.Contains(strings.Join(notForwarders, " "), reason)
		if named != other {
			t.Errorf("%s is in words: %t; it is the forwarder's: %t", reason, !named, !other)
		}
		return true
	})
	if found < 25 {
		t.Errorf("only %d reasons were found", found)
	}
}

func TestBecause(t *testing.T) {
	for _, c := range []struct{ reason, code, want string }{
		{"event_off", "", "the settings switch this event off"},
		{"server", "503", "CleverTap had an error of its own (503)"},
		{"clevertap_513", "513", "CleverTap refused it for good with the code 513 (event name is CleverTap's own)"},
		{"clevertap_599", "599", "CleverTap refused it for good with the code 599"},
		{"clevertap_http_422", "422", "CleverTap refused it for good with the status 422"},
		{"of tomorrow", "7", "of the reason of tomorrow"},
	} {
		if got := journal.Because(c.reason, c.code); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
