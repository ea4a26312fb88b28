package fault_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

func TestEveryErrorHasAKindAndAReason(t *testing.T) {
	marked := fault.New(fault.Reject, fault.Malformed, errors.New("body is not JSON"))
	tests := map[string]struct {
		err    error
		kind   fault.Kind
		reason fault.Reason
	}{
		"a mark is kept":                        {marked, fault.Reject, fault.Malformed},
		"a mark is found under wrapped context": {fmt.Errorf("message 3: %w", marked), fault.Reject, fault.Malformed},
		"an unmarked error may pass later":      {errors.New("odd"), fault.Retry, fault.Unknown},
		"a deadline may pass later": {
			fmt.Errorf("upload: %w", context.DeadlineExceeded), fault.Retry, fault.Timeout,
		},
		"a cancelled context may pass later": {context.Canceled, fault.Retry, fault.Timeout},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := fault.Of(test.err)
			if f.Kind != test.kind || f.Reason != test.reason {
				t.Errorf("got %s %s, want %s %s", f.Kind, f.Reason, test.kind, test.reason)
			}
			if f.Error() == "" {
				t.Error("an empty text")
			}
		})
	}
	if fault.Of(nil) != nil {
		t.Error("a fault without an error")
	}
}

func TestAFaultShowsItsReasonAndItsCause(t *testing.T) {
	cause := errors.New("body is not JSON")
	f := fault.New(fault.Reject, fault.Malformed, cause)
	if f.Error() != "malformed: body is not JSON" || !errors.Is(f, cause) {
		t.Errorf("got %q", f.Error())
	}
	if got := fault.New(fault.Retry, fault.NoTime, nil).Error(); got != "no_time" {
		t.Errorf("got %q", got)
	}
}

func TestAPanicSaysWhereItHappenedAndQuotesNothing(t *testing.T) {
	var f *fault.Fault
	func() {
		defer func() { f = fault.Panicked(fault.Retry, recover()) }()
		panicsAboutPersonSeven()
	}()
	var text strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).LogAttrs(t.Context(), slog.LevelError, "x", f.Attrs()...)
	where, _, found := strings.Cut(text.String(), "panicsAboutPersonSeven:")
	if !found || strings.Contains(text.String(), "person-7") || !strings.HasSuffix(where, "fault_test.") {
		t.Error(text.String())
	}
}

func TestOnlyARetryThatPassesByItselfIsAWarning(t *testing.T) {
	panicked := func() (f *fault.Fault) {
		defer func() { f = fault.Panicked(fault.Retry, recover()) }()
		panicsAboutPersonSeven()
		return nil
	}()
	for f, want := range map[*fault.Fault]slog.Level{
		fault.New(fault.Retry, fault.Network, nil):        slog.LevelWarn,
		fault.New(fault.Operator, fault.Credentials, nil): slog.LevelError,
		fault.New(fault.Reject, fault.Malformed, nil):     slog.LevelError,
		panicked: slog.LevelError,
	} {
		if got := f.Level(); got != want {
			t.Errorf("%v: level %s, want %s", f, got, want)
		}
	}
}

func panicsAboutPersonSeven() { panic("person-7") }

func TestTheTextOfAnUnmarkedErrorIsNotShownAndItsCauseIsKept(t *testing.T) {
	cause := errors.New("person-7")
	f := fault.Mark(fault.Operator, fault.Table, cause)
	if !errors.Is(f, cause) || strings.Contains(f.Error(), "person-7") || fault.Mark(fault.Retry, fault.Secret, f) != f {
		t.Errorf("%v", f)
	}
	late := fault.Of(fmt.Errorf("person-7: %w", context.DeadlineExceeded))
	if late.Error() != "timeout: context deadline exceeded" {
		t.Errorf("%v", late)
	}
}
