package awstest

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of messages (Amazon SQS message quotas and SendMessage, November 2026).
const (
	maxMessage    = 1 << 20
	maxAttributes = 10
	maxDelay      = 15 * time.Minute
)

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`)
	attributeType = regexp.MustCompile(`^(String|Number|Binary)(\.[^\n]{1,249})?$`)
	legalID       = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\\[\\\\\\]^_`{|}~-]{1,128}$")
)

// check refuses what SendMessage refuses.
func (q *Queue) check(m *Message, delay time.Duration) error {
	if m.Body == "" {
		return &Refusal{Code: "MissingParameter", Message: "The request must contain the parameter MessageBody."}
	}
	if !legalText(m.Body) {
		return &Refusal{Code: "InvalidMessageContents", Message: "Invalid characters found in the body."}
	}
	if size(m.Body, m.Attributes) > maxMessage {
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxMessage)
	}
	if delay < 0 || delay > maxDelay {
		return invalid("Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.")
	}
	if err := checkAttributes(m.Attributes); err != nil {
		return err
	}
	return q.checkIDs(m, delay)
}

func checkAttributes(attributes map[string]Attribute) error {
	if len(attributes) > maxAttributes {
		return invalid("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	for name, a := range attributes {
		lower := strings.ToLower(name)
		switch {
		case !attributeName.MatchString(name), strings.HasPrefix(name, "."), strings.HasSuffix(name, "."), strings.Contains(name, ".."),
			strings.HasPrefix(lower, "aws."), strings.HasPrefix(lower, "amazon."):
			return invalid("The message attribute name '%s' is invalid.", name)
		case !attributeType.MatchString(a.DataType):
			return invalid("The message attribute '%s' has an invalid message attribute type.", name)
		case strings.HasPrefix(a.DataType, "Binary") && len(a.BinaryValue) == 0,
			!strings.HasPrefix(a.DataType, "Binary") && a.StringValue == "":
			return invalid("The message attribute '%s' must contain non-empty message attribute value.", name)
		case !legalText(a.StringValue):
			return &Refusal{Code: "InvalidMessageContents", Message: "Invalid characters found in attribute " + name}
		}
	}
	return nil
}

func (q *Queue) checkIDs(m *Message, delay time.Duration) error {
	switch {
	case m.GroupID != "" && !legalID.MatchString(m.GroupID):
		return invalid("Value for parameter MessageGroupId is invalid. Reason: it must be 1 to 128 alphanumeric or punctuation characters.")
	case m.DeduplicationID != "" && !legalID.MatchString(m.DeduplicationID):
		return invalid("Value for parameter MessageDeduplicationId is invalid. Reason: it must be 1 to 128 alphanumeric or punctuation characters.")
	case !q.FIFO() && m.DeduplicationID != "":
		return invalid("The request includes a parameter that is not valid for this queue type: MessageDeduplicationId.")
	case q.FIFO() && m.GroupID == "":
		return &Refusal{Code: "MissingParameter", Message: "The request must contain the parameter MessageGroupId."}
	case q.FIFO() && m.DeduplicationID == "" && !q.config.ContentDedup:
		return invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly.")
	case q.FIFO() && delay > 0:
		return invalid("Value for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.")
	}
	return nil
}

// legalText tells whether SQS takes every character.
func legalText(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}

func invalid(format string, values ...any) error {
	return &Refusal{Code: "InvalidParameterValue", Message: fmt.Sprintf(format, values...)}
}
