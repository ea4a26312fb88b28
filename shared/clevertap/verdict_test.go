package clevertap_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// Every status from 100 to 599 has its row; the rows of a range are for the statuses without a row of their own.
func TestClassifyStatus(t *testing.T) {
	t.Parallel()
	single := map[int]string{ // verdict, kind and reason, in which # is the status
		401: "refreshCredentials operator credentials", 402: "misconfigured operator credentials",
		403: "refreshCredentials operator credentials", 404: "misconfigured operator credentials",
		405: "misconfigured operator credentials", 408: "failed retry timeout", 429: "throttled retry rate_limited",
	}
	ranges := map[int]string{ // by the first digit
		1: "failed retry unreadable_answer", 2: "answered",
		3: "misconfigured operator credentials", 4: "bisect reject clevertap_http_#", 5: "failed retry server",
	}
	for status := 100; status <= 599; status++ {
		want, ok := single[status]
		if !ok {
			want = ranges[status/100]
		}
		if want != "answered" {
			want += " #"
		}
		got, f := clevertap.ClassifyStatus(status)
		if f != nil {
			got += " " + outcome(f)
		}
		if want = strings.ReplaceAll(want, "#", fmt.Sprint(status)); got != want {
			t.Errorf("status %d: %s, want %s", status, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	want := map[int]string{}
	for class, codes := range map[string][]int{
		"permanent": {
			400, 409, 413, 509, 512, 513, 514, 515, 516, 517, 518, 519, 520, 522, 523, 524, 525, 526, 528,
			530, 531, 532, 533, 534, 535,
		},
		"transient": {0, 200, 201, 202, 204, 401, 402, 403, 404, 405, 408, 429, 500, 502, 503, 504, 555},
	} {
		for _, code := range codes {
			want[code] = class
		}
	}
	for code := range 1000 {
		if got := clevertap.Classify(code).String(); got != cmp.Or(want[code], "unlisted") {
			t.Errorf("code %d: %s, want %s", code, got, cmp.Or(want[code], "unlisted"))
		}
	}
}

func TestCodeFault(t *testing.T) {
	t.Parallel()
	const unlisted = "record refused: a code that CleverTap does not list"
	for _, test := range []struct {
		code    int
		kind    fault.Kind
		outcome string
		text    string
	}{
		{523, fault.Reject, "reject clevertap_523 523", "clevertap_523: record refused: record without an identity"},
		{555, fault.Retry, "retry transient 555", "transient: record refused: fault within the API"},
		{599, fault.Reject, "reject clevertap_599 599", "clevertap_599: " + unlisted},
		{599, fault.Retry, "retry transient 599", "transient: " + unlisted},
		{0, fault.Retry, "retry transient", "transient: record refused: no code"},
	} {
		if f := clevertap.CodeFault(test.code, test.kind); outcome(f) != test.outcome || f.Error() != test.text {
			t.Errorf("code %d, %s: %s, %s", test.code, test.kind, outcome(f), f)
		}
	}
}
