package clevertaptest

import (
	"bytes"
	"strings"
)

// checks are the rules of the reserved profile keys (page upload-user-profiles-api, November 2026), in the order of
// their codes. Keys are compared as names are: what the vendor does with another spelling is not known.
var checks = []struct {
	key  string
	code int
	ok   func(*node) bool
}{
	{"Gender", 514, isOneOf("M", "F")},
	{"Email", 515, isEmail},
	{"Phone", 516, isPhone},
	{"Employed", 517, isOneOf("Y", "N")},
	{"Education", 518, isOneOf("School", "College", "Graduate")},
	{"Married", 519, isOneOf("Y", "N")},
	{"Age", 520, isAge},
	{"DOB", 512, func(n *node) bool { return n.kind == '"' && isDate(n.text) }},
}

// operators change a value in place instead of setting it.
var operators = map[string]bool{"$add": true, "$remove": true, "$set": true, "$incr": true, "$decr": true, "$delete": true}

// profile checks a profile's properties.
func (j *judge) profile(f *finding) int {
	f.data = f.node.find("profileData")
	if f.data == nil || f.data.kind != '{' {
		return 512
	}
	for i := range f.data.kids {
		p := &f.data.kids[i]
		if !isKey(p.key, forbiddenInProfiles) || !isScalar(p) && (!j.operators || !isOperator(p)) {
			return 512
		}
	}
	if len(f.data.kids) > j.limits.Properties {
		return 522
	}
	if code := reservedKeys(f.data.kids); code != 0 {
		return code
	}
	remarkProfile(f)
	return 0
}

// reservedKeys gives the code of the first check that fails.
func reservedKeys(properties []node) int {
	folded := make([]string, len(properties))
	for i := range properties {
		folded[i] = fold(properties[i].key)
	}
	for _, check := range checks {
		for i := range properties {
			if folded[i] == fold([]byte(check.key)) && !check.ok(&properties[i]) {
				return check.code
			}
		}
	}
	for i := range properties {
		if p := &properties[i]; strings.HasPrefix(folded[i], "MSG-") && p.kind != 't' && p.kind != 'f' {
			return 512
		}
	}
	return 0
}

func isOperator(p *node) bool {
	return p.kind == '{' && len(p.kids) == 1 && operators[string(p.kids[0].key)]
}

func isOneOf(words ...string) func(*node) bool {
	return func(n *node) bool {
		for _, word := range words {
			if n.kind == '"' && string(n.text) == word {
				return true
			}
		}
		return false
	}
}

// isPhone demands the international form: a plus and 8 to 15 digits.
func isPhone(n *node) bool {
	digits, plus := bytes.CutPrefix(n.text, []byte("+"))
	return n.kind == '"' && plus && len(digits) >= 8 && len(digits) <= 15 && isDigits(digits)
}

// isAge takes a number, or its digits in a string. Nobody's age is negative.
func isAge(n *node) bool {
	return n.kind == '0' && n.raw[0] != '-' || n.kind == '"' && isDigits(n.text)
}

// isEmail demands one at sign, something before it, and a domain of two labels or more behind it.
func isEmail(n *node) bool {
	local, domain, at := bytes.Cut(n.text, []byte("@"))
	if n.kind != '"' || !at || len(local) == 0 || bytes.ContainsAny(n.text, " \t\r\n,;<>()\"") || bytes.IndexByte(domain, '@') >= 0 {
		return false
	}
	labels := bytes.Split(domain, []byte("."))
	for _, label := range labels {
		if len(label) == 0 {
			return false
		}
	}
	return len(labels) > 1
}

func isDigits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}

// remarkProfile lists what would be taken of a profile and spoilt in silence.
func remarkProfile(f *finding) {
	remarkProperties(f, f.data.kids)
	for i := range f.data.kids {
		for _, key := range identityKeys {
			if strings.EqualFold(string(f.data.kids[i].key), key) {
				f.object(IdentityProperty, key)
			}
		}
	}
}
