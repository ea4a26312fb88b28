package clevertap_test

import (
	"fmt"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Every status from 100 to 599 has its row; the rows of a range are the statuses that are in no row of their own.
func TestJudge(t *testing.T) {
	t.Parallel()
	type row struct {
		verdict string
		kind    fault.Kind
		reason  string // "%d" stands for the status
	}
	single := map[int]row{
		200: {verdict: "read"},
		401: {"renew", fault.Operator, "credentials"},
		402: {"foreign", fault.Operator, "credentials"},
		403: {"renew", fault.Operator, "credentials"},
		404: {"foreign", fault.Operator, "credentials"},
		405: {"foreign", fault.Operator, "credentials"},
		408: {"passing", fault.Retry, "timeout"},
		429: {"busy", fault.Retry, "rate_limited"},
	}
	ranges := []struct {
		from, to int
		row      row
	}{
		{100, 199, row{"passing", fault.Retry, "unreadable_answer"}},
		{201, 299, row{"passing", fault.Retry, "unreadable_answer"}},
		{300, 399, row{"foreign", fault.Operator, "credentials"}},
		{400, 499, row{"halve", fault.Reject, "clevertap_http_%d"}},
		{500, 599, row{"passing", fault.Retry, "server"}},
	}
	for status := 100; status <= 599; status++ {
		want, ok := single[status]
		for _, r := range ranges {
			if !ok && r.from <= status && status <= r.to {
				want, ok = r.row, true
				break
			}
		}
		if !ok {
			t.Errorf("status %d has no row", status)
			continue
		}
		if got := clevertap.Judge(status); got != want.verdict {
			t.Errorf("status %d: verdict %s, want %s", status, got, want.verdict)
		}
		if want.verdict == "read" {
			continue
		}
		f := clevertap.StatusFault(status)
		reason := want.reason
		if want.verdict == "halve" {
			reason = fmt.Sprintf(reason, status)
		}
		if f.Kind != want.kind || string(f.Reason) != reason || f.Code != fmt.Sprint(status) {
			t.Errorf("status %d: %s, reason %s, code %s, want %s, %s", status, f.Kind, f.Reason, f.Code, want.kind, reason)
		}
	}
}
