package clevertap_test

import (
	"fmt"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/fault"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	want := map[int]string{0: "transient", 555: "transient"}
	for _, code := range []int{
		400, 409, 413, 509, 512, 513, 514, 515, 516, 517, 518, 519, 520, 522, 523, 524, 525, 526, 528, 530, 531, 532, 533, 534, 535,
	} {
		want[code] = "permanent"
	}
	for _, code := range []int{200, 201, 202, 204, 401, 402, 403, 404, 405, 408, 429, 500, 502, 503, 504} {
		want[code] = "transient"
	}
	for code := range 1000 {
		expected, ok := want[code]
		if !ok {
			expected = "unlisted"
		}
		if got := clevertap.Classify(code); got != expected {
			t.Errorf("code %d: %s, want %s", code, got, expected)
		}
	}
}

func TestCodeFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code   int
		kind   fault.Kind
		reason fault.Reason
		text   string
	}{
		"for good":                {513, fault.Reject, "clevertap_513", "clevertap_513: record refused: event name is CleverTap's own"},
		"for now":                 {555, fault.Retry, fault.Transient, "transient: record refused: fault within the API"},
		"unknown, for good":       {599, fault.Reject, "clevertap_599", "clevertap_599: record refused with a code that is not on CleverTap's list"},
		"unknown, for now":        {599, fault.Retry, fault.Transient, "transient: record refused with a code that is not on CleverTap's list"},
		"without a code, for now": {0, fault.Retry, fault.Transient, "transient: record refused without a code"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := clevertap.CodeFault(test.code, test.kind)
			code := ""
			if test.code != 0 {
				code = fmt.Sprint(test.code)
			}
			if f.Kind != test.kind || f.Reason != test.reason || f.Code != code || f.Error() != test.text {
				t.Errorf("%s, code %q: %v", f.Kind, f.Code, f)
			}
		})
	}
}
