package clevertaptest

import (
	"math/rand/v2"

	"github.com/go-json-experiment/json/jsontext"
)

// longestNumber is how many digits a number may have and still come back exact from a machine's floating point.
const longestNumber = 15

// echo writes a refused record as CleverTap gives it back: not as it came. Keys are in another order, a phone and an
// identity of digits only have become numbers, and numbers now and then strings.
func echo(b []byte, record *node, chance *rand.Rand) []byte {
	if record.kind != '{' {
		return append(b, record.raw...)
	}
	return echoObject(b, record, chance.IntN(2) == 0, true)
}

func echoObject(b []byte, object *node, asText, top bool) []byte {
	b = append(b, '{')
	for i := len(object.kids) - 1; i >= 0; i-- {
		kid := &object.kids[i]
		b, _ = jsontext.AppendQuote(b, kid.key) // What was decoded is valid UTF-8.
		b = append(b, ':')
		switch {
		case top && kid.kind == '{':
			b = echoObject(b, kid, asText, false)
		case top && string(kid.key) == "identity" && isNumber(kid.text):
			b = append(b, kid.text...)
		case !top && string(kid.key) == "Phone" && isPhone(kid) && isNumber(kid.text[1:]):
			b = append(b, kid.text[1:]...)
		case kid.kind == '0' && asText:
			b = append(append(append(b, '"'), kid.raw...), '"')
		default:
			b = append(b, kid.raw...)
		}
		b = append(b, ',')
	}
	if len(object.kids) > 0 {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

// isNumber tells whether an identity would be taken for a number: only digits, no leading zero, not too many.
func isNumber(text []byte) bool {
	return isDigits(text) && len(text) <= longestNumber && (text[0] != '0' || len(text) == 1)
}
