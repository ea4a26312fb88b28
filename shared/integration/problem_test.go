package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/integration"
)

func TestProblemsErrorHasOneLineForEachErrorAndNoneForWarnings(t *testing.T) {
	_, problems := integration.Load("shop.yaml", []byte("apps:\n  demo:\n    enabeld: true\n    server_events:\n      events: {ACTIVTE: {sent: 1}}\n"))
	want := `shop.yaml:3:5: apps.demo.enabeld: unknown key "enabeld"; did you mean enabled?
shop.yaml:5:26: apps.demo.server_events.events.ACTIVTE.sent: unknown key "sent"; did you mean send?`
	if diff := cmp.Diff(want, problems.Error()); diff != "" {
		t.Error(diff)
	}
	if len(problems) != 4 { // and a warning and a hint
		t.Errorf("%d problems: %v", len(problems), problems)
	}
}

func TestProblemsWithoutAnErrorAreEmptyText(t *testing.T) {
	file, problems := integration.Load("shop.yaml", []byte("apps: {demo: {}}"))
	if file == nil || problems.Failed() || problems.Error() != "" {
		t.Errorf("%v, %v", file, problems)
	}
}

func TestAFileAsAWholeHasNoKey(t *testing.T) {
	_, problems := integration.Load("shop.yaml", nil)
	if got := problems.Error(); !strings.HasPrefix(got, "shop.yaml:1:1: the file is empty; ") {
		t.Error(got)
	}
}

func TestAWarningIsToldFromFourHundredEventNamesOn(t *testing.T) {
	var text strings.Builder
	text.WriteString("apps:\n  demo:\n    anonymous: skip\n    server_events:\n      events:\n")
	const named = 400
	for i := range named {
		fmt.Fprintf(&text, "        EVENT_%d: {}\n", i)
	}
	_, problems := integration.Load("shop.yaml", []byte(text.String()))
	if len(problems) != named+1 || problems[0].Severity != integration.Warning || problems[0].Line != 2 ||
		!strings.Contains(problems[0].Message, "names of events are sent") {
		t.Errorf("%d problems, the first: %+v", len(problems), problems[0])
	}
}

func TestSeveritiesHaveNames(t *testing.T) {
	got := []string{integration.Error.String(), integration.Warning.String(), integration.Hint.String()}
	if diff := cmp.Diff([]string{"error", "warning", "hint"}, got); diff != "" {
		t.Error(diff)
	}
}
