package awstest

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Item is an item of a table, or its key.
type Item map[string]Value

// Value is an attribute's value as DynamoDB writes it: {"S":"text"}.
type Value jsontext.Value

// MarshalJSON and UnmarshalJSON keep the value as it is.
func (v Value) MarshalJSON() ([]byte, error) { return v, nil }

// UnmarshalJSON keeps the value in its shortest form, so that equal values are equal bytes.
func (v *Value) UnmarshalJSON(text []byte) error {
	value := jsontext.Value(text).Clone()
	if err := value.Canonicalize(); err != nil {
		return err
	}
	*v = Value(value)
	return nil
}

// S is a text as a value.
func S(text string) Value {
	quoted, _ := jsontext.AppendQuote(nil, text)
	return Value(`{"S":` + string(quoted) + `}`)
}

// N is a number as a value.
func N(number int64) Value { return Value(`{"N":"` + strconv.FormatInt(number, 10) + `"}`) }

// Text is the text of a value of type S, else "".
func (v Value) Text() string {
	var form struct {
		S string `json:"S"`
	}
	_ = json.Unmarshal(v, &form)
	return form.S
}

// kind is the value's type, "" if it is no value. A value has one type.
func (v Value) kind() string {
	var form map[string]jsontext.Value
	if json.Unmarshal(v, &form) != nil || len(form) != 1 {
		return ""
	}
	for name := range form {
		return name
	}
	return ""
}

// size is what a value counts for: about its bytes without the names of types. ok is false for what is no value.
func (v Value) size() (n int, ok bool) {
	var form map[string]jsontext.Value
	if json.Unmarshal(v, &form) != nil || len(form) != 1 {
		return 0, false
	}
	for kind, content := range form {
		switch kind {
		case "S":
			return texts(content)
		case "N":
			var number string
			if json.Unmarshal(content, &number) != nil {
				return 0, false
			}
			_, err := strconv.ParseFloat(number, 64)
			return len(number)/2 + 1, err == nil
		case "BOOL":
			return 1, content.Kind() == 't' || content.Kind() == 'f'
		case "NULL":
			return 1, content.Kind() == 't'
		case "M":
			var inner map[string]Value
			if json.Unmarshal(content, &inner) != nil {
				return 0, false
			}
			return sizeOf(inner)
		case "L":
			var inner []Value
			if json.Unmarshal(content, &inner) != nil {
				return 0, false
			}
			for _, one := range inner {
				more, ok := one.size()
				if !ok {
					return 0, false
				}
				n += more + 1
			}
			return n + 3, true
		case "B", "SS", "NS", "BS":
			return len(content), true
		}
	}
	return 0, false
}

func texts(content jsontext.Value) (int, bool) {
	var text string
	err := json.Unmarshal(content, &text)
	return len(text), err == nil
}

// sizeOf is the size of an item or a map: names and values.
func sizeOf(values map[string]Value) (n int, ok bool) {
	for name, value := range values {
		more, ok := value.size()
		if !ok || name == "" {
			return 0, false
		}
		n += len(name) + more + 1
	}
	return n, true
}

// key gives the text of an item's key. alone: the item is the key and nothing else.
func (t *Table) key(item Item, alone bool) (string, error) {
	key := item[t.Key].Text()
	switch {
	case item[t.Key] == nil, alone && len(item) != 1:
		return "", dynamoInvalid("The provided key element does not match the schema")
	case item[t.Key].kind() != "S":
		return "", dynamoInvalid("One or more parameter values were invalid: Type mismatch for key " + t.Key)
	case key == "", len(key) > maxKey:
		return "", dynamoInvalid("One or more parameter values were invalid: Size of hashkey")
	}
	return key, nil
}

// check refuses items that DynamoDB refuses, and gives the key of the others.
func (t *Table) check(item Item) (string, error) {
	key, err := t.key(item, false)
	if err != nil {
		return "", err
	}
	size, ok := sizeOf(item)
	switch {
	case !ok:
		return "", dynamoInvalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case size > maxItem:
		return "", dynamoInvalid("Item size has exceeded the maximum allowed size")
	}
	return key, nil
}
