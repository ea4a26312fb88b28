package aws

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/network"
)

// Error is a call that failed. Its text is the call with AWS's code, or with the kind of network error. AWS's own
// words are left out: they may quote keys, bodies and addresses.
type Error struct {
	Call string // such as "SQS SendMessageBatch"
	Code string // AWS's; empty if AWS has not answered
	Err  error  // why AWS has not answered; nil if it has
}

func (e *Error) Error() string {
	if e.Code != "" {
		return e.Call + ": " + e.Code
	}
	return e.Call + ": " + e.Err.Error()
}

// Unwrap returns Err, such as [context.DeadlineExceeded].
func (e *Error) Unwrap() error { return e.Err }

// Fault reduces an error of the SDK to what may be shown, and marks it.
func Fault(reason fault.Reason, err error) *fault.Fault {
	e := &Error{Call: "AWS"}
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		e.Call = operation.Service() + " " + operation.Operation()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return refusal(reason, e.Call, api.ErrorCode())
	}
	e.Err = network.Cause(err)
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if ok && answer.HTTPStatusCode() >= http.StatusMultipleChoices { // it is not AWS that answers without a code
		e.Err = fmt.Errorf("status %d", answer.HTTPStatusCode())
	}
	return fault.New(fault.Retry, reason, e)
}

const codeCharacters = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// refusal marks a call, or an entry of one, that AWS has refused: a person has to act, or the same call may pass
// later.
func refusal(reason fault.Reason, call, code string) *fault.Fault {
	if code == "" || strings.Trim(code, codeCharacters) != "" { // only a proxy or an emulator writes such a code
		code = "unreadable code"
	}
	f := fault.New(fault.Retry, reason, &Error{Call: call, Code: code})
	f.Code = code
	if needsOperator(code) {
		f.Kind = fault.Operator
	}
	return f
}

// needsOperator reports whether only a person can end a refusal (common errors of the AWS APIs, and the errors of the
// calls made here, November 2026). Other codes may pass by themselves. A service names an error of KMS in several
// ways, such as KmsDisabled, KMS.DisabledException and KMSAccessDeniedException.
func needsOperator(code string) bool {
	if lower := strings.ToLower(code); strings.HasPrefix(lower, "kms") {
		return !strings.Contains(lower, "throttl") && !strings.Contains(lower, "internal")
	}
	switch strings.TrimSuffix(code, "Exception") {
	case "AccessDenied", "AllAccessDisabled", "InvalidSecurity", "NotAuthorized", "OptInRequired",
		"UnauthorizedOperation", // rights
		"UnrecognizedClient", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignature", "SignatureDoesNotMatch",
		"IncompleteSignature", "MissingAuthenticationToken", // credentials
		"DecryptionFailure", "EncryptionFailure", // keys
		"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress", "ResourceNotFound",
		"NoSuchBucket",                       // names
		"InvalidRequest", "InvalidParameter": // a secret that is marked for deletion or has no value
		return true
	}
	return false
}
