package webhook

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseTime parses ISO 8601 text into milliseconds since 1970: a date, or a date, a T or a space, and a time of day.
// Seconds may be missing, and so may the zone, which then is UTC. A fraction has any number of digits after a point
// or a comma, and is cut to milliseconds. Zones are Z, ±hh:mm, ±hhmm and ±hh. It takes a tenth of the time of
// [time.Parse].
func ParseTime(text []byte) (ms int64, ok bool) {
	p := timeParser{rest: text, ok: true}
	var hour, minute, second, fraction, zone int
	year := p.number(4, 0, 9999)
	p.expect("-")
	month := p.number(2, 1, 12)
	p.expect("-")
	day := p.number(2, 1, 31)
	if len(p.rest) > 0 {
		p.expect("Tt ")
		hour = p.number(2, 0, 23)
		p.expect(":")
		minute = p.number(2, 0, 59)
		if p.accept(":") {
			second = p.number(2, 0, 59)
			if p.accept(".,") {
				fraction = p.fraction()
			}
		}
		zone = p.zone()
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// A day that the month does not have is in the next month.
	if !p.ok || len(p.rest) > 0 || (day > 28 && t.Day() != day) {
		return 0, false
	}
	return t.UnixMilli() + int64(fraction) - int64(zone)*time.Minute.Milliseconds(), true
}

// timeParser reads a time from left to right. After the first part that does not fit, ok is false and the rest does
// not matter.
type timeParser struct {
	rest []byte
	ok   bool
}

// number reads exactly n digits, whose number is between low and high.
func (p *timeParser) number(n, low, high int) (value int) {
	if len(p.rest) < n {
		p.ok, p.rest = false, nil
		return low
	}
	for _, digit := range p.rest[:n] {
		p.ok = p.ok && isDigit(digit)
		value = 10*value + int(digit-'0')
	}
	p.rest = p.rest[n:]
	p.ok = p.ok && low <= value && value <= high
	return value
}

// accept reads the next character if it is one of those given, and reports whether it was.
func (p *timeParser) accept(characters string) bool {
	for i := range len(characters) {
		if len(p.rest) > 0 && p.rest[0] == characters[i] {
			p.rest = p.rest[1:]
			return true
		}
	}
	return false
}

// expect reads one of the characters, which must come next.
func (p *timeParser) expect(characters string) { p.ok = p.accept(characters) && p.ok }

// fraction reads at least one digit, and counts the first three.
func (p *timeParser) fraction() (ms int) {
	n := 0
	for unit := 100; n < len(p.rest) && isDigit(p.rest[n]); n++ {
		ms += unit * int(p.rest[n]-'0')
		unit /= 10
	}
	p.ok = p.ok && n > 0
	p.rest = p.rest[n:]
	return ms
}

// zone reads by how many minutes the time is ahead of UTC.
func (p *timeParser) zone() (minutes int) {
	if len(p.rest) == 0 || p.accept("Zz") {
		return 0
	}
	sign := 1
	if p.accept("-") {
		sign = -1
	} else {
		p.expect("+")
	}
	minutes = 60 * p.number(2, 0, 23)
	if len(p.rest) > 0 {
		p.accept(":")
		minutes += p.number(2, 0, 59)
	}
	return sign * minutes
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

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
	switch value.Kind() {
	case jsontext.KindString:
		if text := unquote(value); isNumber(text) {
			return parseNumber(text, math.MinInt64)
		}
	case jsontext.KindNumber:
		return parseNumber(value, math.MinInt64)
	}
	return 0, false
}

// isNumber reports whether a text is a JSON number, with nothing around it.
func isNumber(text jsontext.Value) bool {
	return text.Kind() == jsontext.KindNumber && isDigit(text[len(text)-1]) && text.IsValid()
}

// parseNumber returns the largest whole number that is not above a JSON number, which is multiplied by 1000 if it is
// not above maxSeconds.
func parseNumber(number []byte, maxSeconds int64) (ms int64, ok bool) {
	if n, err := strconv.ParseInt(string(number), 10, 64); err == nil {
		if n > maxSeconds {
			return n, true
		}
		return 1000 * n, n >= math.MinInt64/1000
	}
	d, ok := parseDecimal(number)
	if !ok {
		return 0, false
	}
	ms, fraction, ok := d.floor(0)
	if above := ms > maxSeconds || ms == maxSeconds && fraction; !ok || above {
		return ms, ok
	}
	ms, _, ok = d.floor(3)
	return ms, ok
}

// decimal is a number with a fraction or an exponent: ±0.digits × 10^scale, in which the first digit is not 0. It is
// exact, and costs no more than its text is long, whatever the exponent.
type decimal struct {
	sign   string
	digits []byte
	scale  int
}

// maxScale is beyond every number that matters, and far from an overflow.
const maxScale = 1 << 30

func parseDecimal(number jsontext.Value) (d decimal, ok bool) {
	if !number.IsValid() {
		return d, false
	}
	mantissa, exponent := []byte(number), 0
	if e := bytes.IndexAny(number, "eE"); e >= 0 {
		mantissa = number[:e]
		exponent, _ = strconv.Atoi(string(number[e+1:])) // the nearest int if it is out of range
	}
	unsigned := bytes.TrimPrefix(mantissa, []byte("-"))
	if len(unsigned) < len(mantissa) {
		d.sign = "-"
	}
	whole, rest, _ := bytes.Cut(unsigned, []byte("."))
	all := slices.Concat(whole, rest)
	d.digits = bytes.TrimLeft(all, "0")
	d.scale = min(max(exponent, -maxScale), maxScale) + len(whole) - (len(all) - len(d.digits))
	return d, true
}

// floor returns the largest whole number that is not above the number times 10^shift, and reports whether the two
// differ.
func (d decimal) floor(shift int) (n int64, fraction, ok bool) {
	const most = len("9223372036854775807")
	whole := max(d.scale+shift, 0)
	if len(d.digits) == 0 {
		return 0, false, true
	}
	if whole > most {
		return 0, false, false
	}
	head := d.digits[:min(whole, len(d.digits))]
	fraction = len(bytes.Trim(d.digits[len(head):], "0")) > 0
	n, err := strconv.ParseInt(d.sign+"0"+string(head)+strings.Repeat("0", whole-len(head)), 10, 64)
	if fraction && d.sign != "" {
		return n - 1, true, err == nil && n > math.MinInt64
	}
	return n, fraction, err == nil
}
