package webhook

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseTime parses ISO 8601 text into milliseconds since 1970: a date, or a date, a T or a space, and a time of day.
// Seconds may be missing, and so may the zone, which then is UTC. A fraction has any number of digits after a point
// or a comma, and is cut to milliseconds. Zones are Z, ±hh:mm, ±hhmm and ±hh.
func ParseTime(text []byte) (ms int64, ok bool) {
	if len(text) < len(time.DateOnly) {
		return 0, false
	}
	if t, err := time.Parse(time.RFC3339, string(text)); err == nil {
		return t.UnixMilli(), true
	}
	plain := strings.Replace(strings.ToUpper(string(text)), " ", "T", 1)
	for _, layout := range otherLayouts {
		if t, err := time.Parse(layout, plain); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// otherLayouts are the less usual forms. A time may have a fraction, though no layout shows it.
var otherLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", time.DateOnly,
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07",
}

// maxSeconds is the largest number that counts as seconds: the year 5138, or three years after 1970 in milliseconds.
const maxSeconds = 100_000_000_000

// ParseDate parses a date attribute's JSON value into milliseconds since 1970: ISO 8601 text, or a number, which is
// milliseconds above 10^11 and seconds otherwise. What is finer than a millisecond is cut toward the past.
func ParseDate(value jsontext.Value) (ms int64, ok bool) {
	switch value.Kind() {
	case jsontext.KindString:
		return ParseTime(unquote(value))
	case jsontext.KindNumber:
		return parseNumber(value, maxSeconds)
	default:
		return 0, false
	}
}

// ParseMillis parses milliseconds since 1970 from a JSON number, or from a text that is one.
func ParseMillis(value jsontext.Value) (ms int64, ok bool) {
	number := []byte(value)
	if value.Kind() == jsontext.KindString {
		number = unquote(value)
	}
	if !IsNumber(number) {
		return 0, false
	}
	return parseNumber(number, math.MinInt64)
}

// IsNumber reports whether a text is a JSON number, with nothing around it.
func IsNumber(text jsontext.Value) bool {
	return text.Kind() == jsontext.KindNumber && text.IsValid() && len(bytes.TrimSpace(text)) == len(text)
}

// maxDigits is the length of the longest number that is a time: exact arithmetic takes the square of it.
const maxDigits = 100

// parseNumber returns the largest whole number that is not above a JSON number, which is multiplied by 1000 if it is
// not above maxSeconds.
func parseNumber(number []byte, maxSeconds int64) (ms int64, ok bool) {
	if n, err := strconv.ParseInt(string(number), 10, 64); err == nil {
		if n > maxSeconds {
			return n, true
		}
		return 1000 * n, n >= math.MinInt64/1000
	}
	rounded, err := strconv.ParseFloat(string(number), 64)
	if err != nil || len(number) > maxDigits {
		return 0, false
	}
	if rounded == 0 {
		return 0, true // whatever its exponent
	}
	exact, _ := new(big.Rat).SetString(string(number))
	if exact.Cmp(new(big.Rat).SetInt64(maxSeconds)) <= 0 {
		exact.Mul(exact, big.NewRat(1000, 1))
	}
	floor := new(big.Int).Div(exact.Num(), exact.Denom())
	return floor.Int64(), floor.IsInt64()
}
