package awstest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// tokens of a condition expression.
var conditionToken = regexp.MustCompile(`\s*([A-Za-z_][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+|<>|[=(),])`)

// reserved are a few of DynamoDB's reserved words (Reserved words in DynamoDB, November 2026), which need a name that begins with #.
var reserved = []string{"DATA", "DATE", "HASH", "KEY", "NAME", "STATE", "STATUS", "TIME", "TTL", "USER", "VALUE", "VALUES"}

// condition evaluates a condition expression over an item: comparisons for equality, functions about attributes, NOT, AND, OR and
// parentheses.
type condition struct {
	*itemInput
	item   Item
	tokens []string
	used   map[string]bool
	wrong  string
}

// holds gives ConditionalCheckFailedException where the condition of a call does not hold for the stored item, nil where there is none.
func (in *itemInput) holds(item Item) error {
	c := condition{itemInput: in, item: item, used: map[string]bool{}}
	if in.Condition == "" {
		if len(in.Names)+len(in.Values) > 0 {
			return dynamoInvalid("ExpressionAttributeNames can only be specified when using expressions")
		}
		return nil
	}
	rest := in.Condition
	for strings.TrimSpace(rest) != "" {
		at := conditionToken.FindStringSubmatchIndex(rest)
		if at == nil || at[0] != 0 {
			return dynamoInvalid("Invalid ConditionExpression: Syntax error")
		}
		c.tokens = append(c.tokens, rest[at[2]:at[3]])
		rest = rest[at[1]:]
	}
	holds := c.either()
	switch {
	case c.wrong != "" || len(c.tokens) > 0:
		return dynamoInvalid("Invalid ConditionExpression: " + c.wrong)
	case len(c.used) != len(in.Names)+len(in.Values):
		return dynamoInvalid("Value provided in ExpressionAttributeNames or ExpressionAttributeValues unused in expressions")
	case !holds:
		return dynamoRefusal("ConditionalCheckFailedException", "The conditional request failed")
	}
	return nil
}

// next takes the next token if it is the one that is expected.
func (c *condition) next(expected string) bool {
	if len(c.tokens) == 0 || !strings.EqualFold(c.tokens[0], expected) {
		return false
	}
	c.tokens = c.tokens[1:]
	return true
}

// need is next for what has to come.
func (c *condition) need(expected string) {
	if !c.next(expected) {
		c.wrong = "Syntax error; expected " + expected
	}
}

func (c *condition) take() string {
	if len(c.tokens) == 0 {
		c.wrong = "Syntax error; it breaks off"
		return ""
	}
	token := c.tokens[0]
	c.tokens = c.tokens[1:]
	return token
}

func (c *condition) either() bool {
	holds := c.both()
	for c.next("OR") {
		holds = c.both() || holds
	}
	return holds
}

func (c *condition) both() bool {
	holds := c.one()
	for c.next("AND") {
		holds = c.one() && holds
	}
	return holds
}

func (c *condition) one() bool {
	switch {
	case c.wrong != "":
		return false
	case c.next("NOT"):
		return !c.one()
	case c.next("("):
		holds := c.either()
		c.need(")")
		return holds
	}
	switch token := c.take(); token {
	case "attribute_exists", "attribute_not_exists":
		c.need("(")
		value := c.attribute(c.take())
		c.need(")")
		return (value != nil) == (token == "attribute_exists")
	case "attribute_type":
		c.need("(")
		value := c.attribute(c.take())
		c.need(",")
		kind := c.operand(c.take()).Text()
		c.need(")")
		return value != nil && value.kind() == kind
	default:
		left := c.operand(token)
		comparison := c.take()
		right := c.operand(c.take())
		switch comparison {
		case "=":
			return left != nil && right != nil && bytes.Equal(left, right)
		case "<>":
			return left == nil || right == nil || !bytes.Equal(left, right)
		}
		c.wrong = "Syntax error; token: " + comparison
		return false
	}
}

// operand is an attribute, or a value of the call.
func (c *condition) operand(token string) Value {
	if !strings.HasPrefix(token, ":") {
		return c.attribute(token)
	}
	value, ok := c.Values[token]
	if !ok {
		c.wrong = "An expression attribute value used in expression is not defined: " + token
	}
	c.used[token] = true
	return value
}

// attribute is the value of an attribute of the stored item, nil if it has none.
func (c *condition) attribute(token string) Value {
	name := token
	if strings.HasPrefix(token, "#") {
		ok := false
		if name, ok = c.Names[token]; !ok {
			c.wrong = "An expression attribute name used in the document path is not defined: " + token
		}
		c.used[token] = true
	} else if slices.Contains(reserved, strings.ToUpper(token)) {
		c.wrong = "Attribute name is a reserved keyword; reserved keyword: " + token
	}
	return c.item[name]
}
