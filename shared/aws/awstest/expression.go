package awstest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Item is an item of a table, or its key.
type Item map[string]Value

// Value is an attribute's value as DynamoDB writes it: {"S":"text"}.
type Value jsontext.Value

// MarshalJSON returns the value as it is.
func (v Value) MarshalJSON() ([]byte, error) { return v, nil }

// UnmarshalJSON keeps the value in its canonical form, so that equal values are equal bytes.
func (v *Value) UnmarshalJSON(text []byte) error {
	value := jsontext.Value(text).Clone()
	err := value.Canonicalize()
	*v = Value(value)
	return err
}

// S is a text as a value.
func S(text string) Value {
	quoted, _ := jsontext.AppendQuote(nil, text)
	return Value(`{"S":` + string(quoted) + `}`)
}

// N is a number as a value.
func N(number int64) Value { return Value(`{"N":"` + strconv.FormatInt(number, 10) + `"}`) }

// open returns a value's only type and what it holds; no type for what is not a value.
func (v Value) open() (kind string, content jsontext.Value) {
	var form map[string]jsontext.Value
	if json.Unmarshal(v, &form) != nil || len(form) != 1 {
		return "", nil
	}
	for name := range form {
		kind = name
	}
	return kind, form[kind]
}

// Text is the text of a value of type S, else "".
func (v Value) Text() (text string) {
	if kind, content := v.open(); kind == "S" {
		_ = json.Unmarshal(content, &text)
	}
	return text
}

// number is the number of a value of type N.
func (v Value) number() (float64, bool) {
	kind, content := v.open()
	var text string
	if kind != "N" || json.Unmarshal(content, &text) != nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// size is about what DynamoDB counts for an item; ok is false if a value does not have exactly one type, or is not of
// it.
func (i Item) size() (n int, ok bool) {
	for name, value := range i {
		kind, content := value.open()
		switch kind {
		case "S":
			n, ok = n+len(value.Text()), content.Kind() == '"'
		case "N":
			_, ok = value.number()
		case "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M":
			n, ok = n+len(content), true
		default:
			ok = false
		}
		if n += len(name); !ok || name == "" {
			return 0, false
		}
	}
	return n, true
}

// expression evaluates the expressions of a call over items: comparisons, BETWEEN, functions of attributes, NOT, AND,
// OR and parentheses.
type expression struct {
	names  map[string]string
	values map[string]Value
	used   map[string]bool // names and values
	wrong  string          // with the expression

	tokens []string // still to be read
	item   Item
}

func newExpression(in *itemInput) *expression {
	return &expression{names: in.Names, values: in.Values, used: make(map[string]bool)}
}

// err says what is wrong with the expressions that were evaluated.
func (e *expression) err() error {
	switch {
	case e.wrong != "":
		return invalid("invalid expression: " + e.wrong)
	case len(e.used) != len(e.names)+len(e.values):
		return invalid("a name or value is not used in any expression")
	}
	return nil
}

var token = regexp.MustCompile(`^\s*([#:]?[A-Za-z_][A-Za-z0-9_]*|<>|<=|>=|[=<>(),])`)

// holds evaluates an expression over an item, nil for none.
func (e *expression) holds(text string, item Item) bool {
	e.tokens, e.item = nil, item
	for text = strings.TrimSpace(text); text != ""; {
		at := token.FindStringSubmatchIndex(text)
		if at == nil {
			e.wrong = "unknown token"
			return false
		}
		e.tokens = append(e.tokens, text[at[2]:at[3]])
		text = text[at[1]:]
	}
	holds := e.either()
	if len(e.tokens) > 0 {
		e.wrong = "it goes on after its end"
	}
	return holds
}

// next reads the next token, if it is the one that is expected.
func (e *expression) next(expected string) bool {
	if len(e.tokens) == 0 || !strings.EqualFold(e.tokens[0], expected) {
		return false
	}
	e.tokens = e.tokens[1:]
	return true
}

// need reads a token that has to follow.
func (e *expression) need(expected string) {
	if !e.next(expected) {
		e.wrong = expected + " is missing"
	}
}

func (e *expression) read() string {
	if len(e.tokens) == 0 {
		e.wrong = "it breaks off"
		return ""
	}
	token := e.tokens[0]
	e.tokens = e.tokens[1:]
	return token
}

func (e *expression) either() bool {
	holds := e.both()
	for e.next("OR") {
		holds = e.both() || holds
	}
	return holds
}

func (e *expression) both() bool {
	holds := e.one()
	for e.next("AND") {
		holds = e.one() && holds
	}
	return holds
}

func (e *expression) one() bool {
	switch {
	case e.wrong != "":
		return false
	case e.next("NOT"):
		return !e.one()
	case e.next("("):
		holds := e.either()
		e.need(")")
		return holds
	}
	first := e.read()
	if e.next("(") {
		return e.function(first)
	}
	left := e.operand(first)
	if e.next("BETWEEN") {
		low := e.operand(e.read())
		e.need("AND")
		high := e.operand(e.read())
		return compare(low, "<=", left) && compare(left, "<=", high)
	}
	operator := e.read()
	if !slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, operator) {
		e.wrong = "unknown operator " + operator
		return false
	}
	return compare(left, operator, e.operand(e.read()))
}

// function evaluates a function behind its opening parenthesis.
func (e *expression) function(name string) (holds bool) {
	value := e.operand(e.read())
	switch name {
	case "attribute_exists":
		holds = value != nil
	case "attribute_not_exists":
		holds = value == nil
	case "attribute_type":
		e.need(",")
		kind, _ := value.open()
		holds = kind == e.operand(e.read()).Text()
	case "begins_with":
		e.need(",")
		prefix := e.operand(e.read()).Text()
		holds = prefix != "" && strings.HasPrefix(value.Text(), prefix)
	default:
		e.wrong = "unknown function " + name
	}
	e.need(")")
	return holds
}

// compare compares two values. Values of different types are unequal, and none is less than the other.
func compare(a Value, operator string, b Value) bool {
	equal := a != nil && string(a) == string(b)
	switch operator {
	case "=":
		return equal
	case "<>":
		return !equal
	}
	order := cmp.Compare(a.Text(), b.Text())
	if x, ok := a.number(); ok {
		y, _ := b.number()
		order = cmp.Compare(x, y)
	}
	kindA, _ := a.open()
	if kindB, _ := b.open(); kindA != kindB {
		return false
	}
	return order < 0 && operator[0] == '<' || order > 0 && operator[0] == '>' || order == 0 && len(operator) == 2
}

// reserved are a few of DynamoDB's reserved words (Reserved words in DynamoDB, November 2026); they need a name that
// begins with #.
var reserved = []string{
	"DATA", "DATE", "HASH", "KEY", "NAME", "STATE", "STATUS", "TIME", "TIMESTAMP", "TTL", "USER", "VALUE", "VALUES",
}

// operand is an attribute of the item, nil if it has none of that name, or a value of the call.
func (e *expression) operand(token string) Value {
	switch {
	case strings.HasPrefix(token, ":"):
		if e.values[token] == nil {
			e.wrong = "undefined value " + token
		}
		e.used[token] = true
		return e.values[token]
	case strings.HasPrefix(token, "#"):
		if e.names[token] == "" {
			e.wrong = "undefined name " + token
		}
		e.used[token] = true
		return e.item[e.names[token]]
	case slices.Contains(reserved, strings.ToUpper(token)):
		e.wrong = "reserved word " + token
	}
	return e.item[token]
}
