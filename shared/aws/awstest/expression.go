package awstest

import (
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

// expression evaluates the expressions of a call over items, as far as anybody uses them: clauses joined by AND.
type expression struct {
	names  map[string]string
	values map[string]Value
	used   map[string]bool // names and values
	wrong  string          // with the expression
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

// clauses are the forms of a clause, in which OPERAND stands for a name or value, and when they hold for its operands.
var clauses = map[*regexp.Regexp]func(operands []Value) bool{
	clause(`OPERAND = OPERAND`):                   equal,
	clause(`attribute_not_exists\(OPERAND\)`):     func(of []Value) bool { return of[0] == nil },
	clause(`begins_with\(OPERAND, OPERAND\)`):     begins,
	clause(`OPERAND BETWEEN OPERAND AND OPERAND`): between,
}

// clause makes the form of a clause, behind which another may follow.
func clause(form string) *regexp.Regexp {
	return regexp.MustCompile(`^` + strings.ReplaceAll(form, "OPERAND", `([#:]?\w+)`) + `(?:$| AND (.+))`)
}

func equal(of []Value) bool { return of[0] != nil && string(of[0]) == string(of[1]) }

func begins(of []Value) bool {
	prefix := of[1].Text()
	return prefix != "" && strings.HasPrefix(of[0].Text(), prefix)
}

// between compares numbers only.
func between(of []Value) bool {
	n, isNumber := of[0].number()
	low, lowIs := of[1].number()
	high, highIs := of[2].number()
	return isNumber && lowIs && highIs && low <= n && n <= high
}

// holds evaluates an expression over an item, nil for none.
func (e *expression) holds(text string, item Item) bool {
	for form, holds := range clauses {
		match := form.FindStringSubmatch(text)
		if match == nil {
			continue
		}
		last := len(match) - 1
		operands := make([]Value, 0, last)
		for _, token := range match[1:last] {
			operands = append(operands, e.operand(token, item))
		}
		rest := match[last] == "" || e.holds(match[last], item) // evaluated in any case, for what is wrong with it
		return holds(operands) && rest
	}
	e.wrong = "cannot read " + text
	return false
}

// reserved are a few of DynamoDB's reserved words (Reserved words in DynamoDB, November 2026); they need a name that
// begins with #.
var reserved = []string{
	"DATA", "DATE", "HASH", "KEY", "NAME", "STATE", "STATUS", "TIME", "TIMESTAMP", "TTL", "USER", "VALUE", "VALUES",
}

// operand is an attribute of the item, nil if it has none of that name, or a value of the call.
func (e *expression) operand(token string, item Item) Value {
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
		return item[e.names[token]]
	case slices.Contains(reserved, strings.ToUpper(token)):
		e.wrong = "reserved word " + token
	}
	return item[token]
}
