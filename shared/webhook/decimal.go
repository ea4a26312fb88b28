package webhook

import "math"

// decimal is a JSON number, exactly as far as whole milliseconds are concerned: digits × 10^exponent, and a little more than that if
// inexact.
type decimal struct {
	negative bool
	digits   uint64 // the first 19 significant digits
	exponent int64
	inexact  bool // further digits followed, not all of them 0
}

// maxDigits is how many digits always fit into 64 bits.
const maxDigits = 19

// maxExponent is far beyond what any number of digits in a body can make up for.
const maxExponent = 1 << 40

// parseDecimal reads a text that must be a JSON number from its first to its last byte.
func parseDecimal(text []byte) (d decimal, ok bool) {
	rest := text
	if len(rest) > 0 && rest[0] == '-' {
		d.negative, rest = true, rest[1:]
	}
	whole := leadingDigits(rest)
	if whole == 0 || (whole > 1 && rest[0] == '0') {
		return d, false
	}
	count := d.append(rest[:whole], 0)
	rest = rest[whole:]
	if len(rest) > 0 && rest[0] == '.' {
		n := leadingDigits(rest[1:])
		if n == 0 {
			return d, false
		}
		d.append(rest[1:1+n], count)
		d.exponent -= int64(n)
		rest = rest[1+n:]
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		exponent, ok := parseExponent(rest[1:])
		d.exponent += exponent
		return d, ok
	}
	return d, len(rest) == 0
}

// append takes further digits behind the count significant ones that there are, and tells how many there are then.
func (d *decimal) append(digits []byte, count int) int {
	for _, c := range digits {
		switch {
		case count == 0 && c == '0':
		case count < maxDigits:
			d.digits = 10*d.digits + uint64(c-'0')
			count++
		default:
			d.exponent++
			d.inexact = d.inexact || c != '0'
		}
	}
	return count
}

func leadingDigits(text []byte) (n int) {
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

func parseExponent(text []byte) (value int64, ok bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative || (len(text) > 0 && text[0] == '+') {
		text = text[1:]
	}
	if len(text) == 0 || leadingDigits(text) != len(text) {
		return 0, false
	}
	for _, c := range text {
		value = min(10*value+int64(c-'0'), maxExponent)
	}
	if negative {
		value = -value
	}
	return value, true
}

// floor gives the largest whole number that is not above d × 10^shift; false: it does not fit into 64 bits.
func (d decimal) floor(shift int64) (value int64, ok bool) {
	whole, inexact, ok := d.scale(shift)
	if d.negative {
		if inexact {
			whole++
		}
		return -int64(whole), ok //nolint:gosec // scale keeps it below 2^63.
	}
	return int64(whole), ok //nolint:gosec // As above.
}

// above tells whether d is larger than a whole number that is not negative.
func (d decimal) above(limit uint64) bool {
	whole, inexact, fits := d.scale(0)
	return !d.negative && (!fits || whole > limit || (whole == limit && inexact))
}

// scale gives the whole part of d × 10^shift without its sign, and tells whether there is a fraction; false: it is 2^63 - 1 or more.
func (d decimal) scale(shift int64) (whole uint64, inexact, fits bool) {
	whole, inexact = d.digits, d.inexact
	for exponent := d.exponent + shift; exponent != 0 && whole != 0; {
		if exponent < 0 {
			inexact = inexact || whole%10 != 0
			whole /= 10
			exponent++
			continue
		}
		if whole > math.MaxInt64/10 {
			return 0, false, false
		}
		whole *= 10
		exponent--
	}
	return whole, inexact, whole < math.MaxInt64
}
