package webhook

import "github.com/go-json-experiment/json/jsontext"

const (
	second = 1000 // milliseconds
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// ParseTime reads ISO 8601 text into milliseconds since 1970: a date, or a date, a T or a blank, and a time of day. Seconds may be
// missing, and so may the zone, which then is UTC; the fraction may have any number of digits behind a dot or a comma, and is cut
// to milliseconds. Zones are Z, ±hh:mm, ±hhmm and ±hh. It does not allocate.
func ParseTime(text []byte) (ms int64, ok bool) {
	c := clock{rest: text, ok: true}
	year := c.digits(4, 0, 9999)
	c.expect("-")
	month := c.digits(2, 1, 12)
	c.expect("-")
	ms = day * daysSince1970(year, month, c.digits(2, 1, daysIn(year, month)))
	if len(c.rest) > 0 {
		c.expect("Tt ")
		ms += hour * c.digits(2, 0, 23)
		c.expect(":")
		ms += minute * c.digits(2, 0, 59)
		if c.accept(":") {
			ms += second * c.digits(2, 0, 59)
			if c.accept(".,") {
				ms += c.fraction()
			}
		}
		ms -= c.zone()
	}
	return ms, c.ok && len(c.rest) == 0
}

// ParseDate reads a date attribute's JSON value into milliseconds since 1970: ISO 8601 text, or a number, which is
// milliseconds above 10^11 and seconds otherwise. What is finer than a millisecond is cut toward the past.
func ParseDate(v jsontext.Value) (ms int64, ok bool) {
	switch v.Kind() {
	case jsontext.KindString:
		var memory arena
		return ParseTime(memory.unquote(v))
	case jsontext.KindNumber:
		d, ok := parseDecimal(v)
		if !ok {
			return 0, false
		}
		if d.above(maxSeconds) {
			return d.floor(0)
		}
		return d.floor(3)
	default:
		return 0, false
	}
}

// maxSeconds is the largest number that counts as seconds: the year 5138, or three years after 1970 in milliseconds.
const maxSeconds = 100_000_000_000

// ParseMillis reads a twin, a number of milliseconds since 1970 or its digits as a text.
func ParseMillis(v jsontext.Value) (ms int64, ok bool) {
	text := []byte(v)
	switch v.Kind() {
	case jsontext.KindString:
		var memory arena
		text = memory.unquote(v)
	case jsontext.KindNumber:
	default:
		return 0, false
	}
	d, ok := parseDecimal(text)
	if !ok {
		return 0, false
	}
	return d.floor(0)
}

// clock reads a time piece by piece. After the first piece that does not fit, ok is false and the rest does not matter.
type clock struct {
	rest []byte
	ok   bool
}

// digits reads a number of exactly n digits between low and high.
func (c *clock) digits(n int, low, high int64) (value int64) {
	if len(c.rest) < n {
		c.ok, c.rest = false, nil
		return low
	}
	for _, digit := range c.rest[:n] {
		if !isDigit(digit) {
			c.ok = false
			return low
		}
		value = 10*value + int64(digit-'0')
	}
	c.rest = c.rest[n:]
	if value < low || value > high {
		c.ok = false
		return low
	}
	return value
}

// accept reads one of the characters if it comes next.
func (c *clock) accept(characters string) bool {
	for i := range len(characters) {
		if len(c.rest) > 0 && c.rest[0] == characters[i] {
			c.rest = c.rest[1:]
			return true
		}
	}
	return false
}

// expect reads one of the characters, which must come next.
func (c *clock) expect(characters string) { c.ok = c.accept(characters) && c.ok }

// fraction reads at least one digit behind the point, and counts the first three.
func (c *clock) fraction() (ms int64) {
	n := 0
	for unit := int64(second); n < len(c.rest) && isDigit(c.rest[n]); n++ {
		unit /= 10
		ms += unit * int64(c.rest[n]-'0')
	}
	c.ok = c.ok && n > 0
	c.rest = c.rest[n:]
	return ms
}

// zone reads how far the time is ahead of UTC.
func (c *clock) zone() (ms int64) {
	if len(c.rest) == 0 || c.accept("Zz") {
		return 0
	}
	sign := int64(1)
	if c.accept("-") {
		sign = -1
	} else {
		c.expect("+")
	}
	ms = hour * c.digits(2, 0, 23)
	if len(c.rest) > 0 {
		c.accept(":")
		ms += minute * c.digits(2, 0, 59)
	}
	return sign * ms
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func daysIn(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// daysSince1970 counts in years that begin in March, so that the leap day is the last day of its year. The calendar repeats
// every 400 years; one such round is added first and taken off at the end, so that every division rounds down.
func daysSince1970(year, month, dayOfMonth int64) int64 {
	const (
		round      = 146097 // days in 400 years
		start1970  = 719468 // days from 1 March of the year 0 to 1 January 1970
		fiveMonths = 153    // days in five months from March or August on
	)
	year += 400
	if month <= 2 {
		year--
	}
	dayOfYear := (fiveMonths*((month+9)%12)+2)/5 + dayOfMonth - 1
	return 365*year + year/4 - year/100 + year/400 + dayOfYear - start1970 - round
}
