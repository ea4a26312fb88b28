package receive_test

import (
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/receive"
)

func TestEveryWebhookIsOneLineOfMetrics(t *testing.T) {
	var out strings.Builder
	m := receive.NewMetrics(&out)
	m.Queued("demo")
	m.Refused("unknown", fault.UnknownApp)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	for i, wants := range [][]string{
		{`"Namespace":"PurchaselyCleverTap"`, `"WebhooksQueued":1`, `"App":"demo"`},
		{`"Namespace":"PurchaselyCleverTap"`, `"WebhooksRefused":1`, `"App":"unknown"`, `"Reason":"unknown_app"`},
	} {
		for _, want := range wants {
			if !strings.Contains(lines[i], want) {
				t.Errorf("no %s in %s", want, lines[i])
			}
		}
	}
}
