// Package fault answers one question about an error: what happens next?
//
// It promises one kind and one reason for every error, also for those that nobody marked: they are [Retry],
// because twice is better than never. It does not know HTTP, AWS or the vendors; whoever knows marks the error,
// once.
package fault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
)

// Kind is what happens next.
type Kind uint8

// The three kinds. A new one is added only together with a new action.
const (
	// Retry means that the same bytes may pass later.
	Retry Kind = iota
	// Reject means that the same bytes will always fail.
	Reject
	// Operator means that nothing of this account passes until a person has acted; the message is kept
	// meanwhile.
	Operator
)

// String is the kind in a log line.
func (k Kind) String() string {
	switch k {
	case Reject:
		return "reject"
	case Operator:
		return "operator"
	default:
		return "retry"
	}
}

// Reason is a word from a closed list, safe as a metric's dimension and in a log line.
type Reason string

// Reasons of answers to HTTP requests.
const (
	UnknownApp   Reason = "unknown_app" // also a reason to reject a message
	TooLarge     Reason = "too_large"
	Unauthorized Reason = "unauthorized"
	Unavailable  Reason = "unavailable"
	Invalid      Reason = "invalid" // an entry of a request is wrong
)

// Reasons why a webhook is not trusted. They are in the log only; the answer says [Unauthorized].
const (
	BadSignature Reason = "bad_signature"
	Stale        Reason = "stale"
	Future       Reason = "future"
	Source       Reason = "source" // the sender's address is not allowed
)

// Reasons to skip a message, in the order in which the first one that holds is named.
const (
	Disabled   Reason = "disabled"
	Sandbox    Reason = "sandbox"
	NoIdentity Reason = "no_identity"
	Suppressed Reason = "suppressed" // the subscriber must not be sent any more
	Anonymous  Reason = "anonymous"
	EventOff   Reason = "event_off"
	// Heartbeat is one that failed for so long that the next ones tell more. Before that it is a reason to retry it.
	Heartbeat Reason = "heartbeat"
)

// Reasons to reject a message, besides [UnknownApp], "clevertap_<code>" and "clevertap_http_<status>".
const (
	Malformed     Reason = "malformed"
	UnknownSchema Reason = "unknown_schema"
	Panic         Reason = "panic" // also a reason to retry, the first four times
)

// Reasons to retry a message.
const (
	Timeout           Reason = "timeout"
	Network           Reason = "network"
	RateLimited       Reason = "rate_limited"
	Server            Reason = "server"
	Unmatched         Reason = "unmatched"
	UnreadableAnswer  Reason = "unreadable_answer"
	Transient         Reason = "transient" // refused with a code that may pass later
	Credentials       Reason = "credentials"
	Secret            Reason = "secret"
	RejectedQueue     Reason = "rejected_queue"
	GroupOrder        Reason = "group_order"
	NoTime            Reason = "no_time"
	Breaker           Reason = "breaker"
	AccountRejectsAll Reason = "account_rejects_all" // CleverTap refuses whatever the account sends
	Table             Reason = "table"               // the subscribers table is out of reach
	LinkWait          Reason = "link_wait"           // the subscriber has no linked CleverTap ID yet
	BackEnd           Reason = "back_end"            // the customer's back end did not answer 2xx
	RelayQueue        Reason = "relay_queue"         // the queue of webhooks for it is out of reach
	Unknown           Reason = "unknown"             // an error that nobody marked
)

// Fault is an error that knows what happens next.
type Fault struct {
	Kind   Kind
	Reason Reason
	Code   string // the vendor's number, where there is one: "513", "400"
	Err    error  // the cause; its text holds no personal data, no secret, no URL
}

// New marks err, which may be nil.
func New(kind Kind, reason Reason, err error) *Fault {
	return &Fault{Kind: kind, Reason: reason, Err: err}
}

// Error is the reason and, behind it, the cause.
func (f *Fault) Error() string {
	if f.Err == nil {
		return string(f.Reason)
	}
	return string(f.Reason) + ": " + f.Err.Error()
}

// WithReason returns the fault with another reason.
func (f *Fault) WithReason(reason Reason) *Fault {
	other := *f
	other.Reason = reason
	return &other
}

// WithKind returns the fault with another kind.
func (f *Fault) WithKind(kind Kind) *Fault {
	other := *f
	other.Kind = kind
	return &other
}

// Cause is the text of Err, empty without one.
func (f *Fault) Cause() string {
	if f.Err == nil {
		return ""
	}
	return f.Err.Error()
}

// Attrs are the code, the cause and, after a panic, the stack, as far as there are any, for a log line.
func (f *Fault) Attrs() (attrs []slog.Attr) {
	if f.Code != "" {
		attrs = append(attrs, slog.String("code", f.Code))
	}
	if f.Err != nil {
		attrs = append(attrs, slog.String("cause", f.Err.Error()))
	}
	if p, ok := errors.AsType[*PanicError](f.Err); ok {
		attrs = append(attrs, slog.String("stack", p.Stack))
	}
	return attrs
}

// Level is how urgent a log line about the fault is: a retry passes by itself, unless the code has panicked.
func (f *Fault) Level() slog.Level {
	if _, panicked := errors.AsType[*PanicError](f.Err); f.Kind == Retry && !panicked {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// Log writes a line about a fault: its attributes come behind those that are given.
func (f *Fault) Log(ctx context.Context, log *slog.Logger, message string, attrs ...slog.Attr) {
	log.LogAttrs(ctx, f.Level(), message, append(attrs, f.Attrs()...)...)
}

// PanicError is a panic that was recovered. What it said may quote a webhook or a secret: only its type is kept, and
// where it happened.
type PanicError struct {
	Type  string
	Stack string // functions and lines, the innermost first
}

func (p *PanicError) Error() string { return "panic of type " + p.Type }

// stackDepth bounds a stack in a log line.
const stackDepth = 16

// Panicked marks what recover returned. It must be called by the deferred function, while the stack still shows the
// panic.
func Panicked(kind Kind, p any) *Fault {
	callers := make([]uintptr, 4*stackDepth)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)]) // without Panicked and the deferred function
	var stack []string
	for more := true; more && len(stack) < stackDepth; {
		var f runtime.Frame
		f, more = frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			stack = append(stack, fmt.Sprintf("%s:%d", f.Function, f.Line))
		}
	}
	return New(kind, Panic, &PanicError{fmt.Sprintf("%T", p), strings.Join(stack, " < ")})
}

// Recover, when deferred, makes an error of a panic.
func Recover(err *error) {
	if p := recover(); p != nil {
		*err = Panicked(Retry, p)
	}
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Of reads the mark of err. An unmarked error is Retry: a deadline or a cancelled context as [Timeout],
// anything else as [Unknown]. It returns nil for nil.
func Of(err error) *Fault {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Mark(Retry, Timeout, err)
	default:
		return Mark(Retry, Unknown, err)
	}
}

// Mark marks an error that nobody has marked. Nobody knows what the text of such an error quotes, so it is not shown.
func Mark(kind Kind, reason Reason, err error) *Fault {
	if f, marked := errors.AsType[*Fault](err); marked {
		return f
	}
	return New(kind, reason, unmarked{err})
}

// unmarked is an error whose text may be private.
type unmarked struct{ error }

func (u unmarked) Error() string {
	for _, known := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(u.error, known) {
			return known.Error()
		}
	}
	return fmt.Sprintf("error of type %T", u.error)
}
func (u unmarked) Unwrap() error { return u.error }
