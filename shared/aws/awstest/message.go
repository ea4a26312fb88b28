package awstest

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of messages (Amazon SQS message quotas and SendMessage, November 2026).
const (
	maxMessage    = 1 << 20
	maxAttributes = 10
)

// Attribute is a message attribute as the JSON protocol writes it.
type Attribute struct {
	DataType    string `json:"DataType"`
	StringValue string `json:"StringValue,omitzero"`
	BinaryValue []byte `json:"BinaryValue,omitempty"`
}

func TextAttributes(values map[string]string) map[string]Attribute {
	all := make(map[string]Attribute, len(values))
	for name, value := range values {
		all[name] = Attribute{DataType: "String", StringValue: value}
	}
	return all
}

type Message struct {
	ID              string
	Body            string
	Attributes      map[string]Attribute
	GroupID         string
	DeduplicationID string
	Sequence        string // FIFO queues only
	Sent            time.Time
	Receives        int
}

// Attribute returns an attribute's text, "" if there is none.
func (m *Message) Attribute(name string) string { return m.Attributes[name].StringValue }

// size is what SQS counts: the body and the names, types and values of the attributes.
func (m *Message) size() int {
	n := len(m.Body)
	for name, a := range m.Attributes {
		n += len(name) + len(a.DataType) + len(a.StringValue) + len(a.BinaryValue)
	}
	return n
}

// system is a message's system attributes.
func (m *Message) system() map[string]string {
	all := map[string]string{
		"ApproximateReceiveCount": strconv.Itoa(m.Receives),
		"SentTimestamp":           strconv.FormatInt(m.Sent.UnixMilli(), 10),
		"MessageGroupId":          m.GroupID,
		"MessageDeduplicationId":  m.DeduplicationID,
		"SequenceNumber":          m.Sequence,
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}(\.[A-Za-z0-9_-]+)*$`)
	attributeType = regexp.MustCompile(`^(String|Number|Binary)(\.[^\n]{1,249})?$`)
	reservedName  = regexp.MustCompile(`(?i)^(aws|amazon)\.`)
	legalID       = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,./:;<=>?@\\[\\\\\\]^_`{|}~-]{1,128}$")
)

// check refuses what SendMessage refuses.
func (q *Queue) check(m *Message) error {
	const invalid = "InvalidParameterValue"
	switch {
	case m.Body == "":
		return refuse("MissingParameter", "MessageBody is empty")
	case !legalText(m.Body):
		return refuse("InvalidMessageContents", "invalid characters in the body")
	case m.size() > maxMessage:
		return refuse(invalid, "the message is larger than 1 MiB")
	case len(m.Attributes) > maxAttributes:
		return refuse(invalid, "more than ten attributes")
	case m.GroupID != "" && !legalID.MatchString(m.GroupID):
		return refuse(invalid, "MessageGroupId is not 1 to 128 alphanumeric or punctuation characters")
	case m.DeduplicationID != "" && !legalID.MatchString(m.DeduplicationID):
		return refuse(invalid, "MessageDeduplicationId is not 1 to 128 alphanumeric or punctuation characters")
	case q.FIFO() && m.GroupID == "":
		return refuse("MissingParameter", "a FIFO queue needs a MessageGroupId")
	case q.FIFO() != (m.DeduplicationID != ""):
		return refuse(invalid, "a FIFO queue needs a MessageDeduplicationId, another queue takes none")
	}
	for name, a := range m.Attributes {
		binary := strings.HasPrefix(a.DataType, "Binary")
		switch {
		case !attributeName.MatchString(name), reservedName.MatchString(name), !attributeType.MatchString(a.DataType):
			return refuse(invalid, "name or type of an attribute")
		case binary && len(a.BinaryValue) == 0, !binary && a.StringValue == "":
			return refuse(invalid, "an attribute is empty")
		case !legalText(a.StringValue):
			return refuse("InvalidMessageContents", "invalid characters in an attribute")
		}
	}
	return nil
}

// legalText reports whether SQS takes every character.
func legalText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}
