// Package env reads settings from the environment as typed values and collects what is wrong with them.
//
// It promises that one pass finds every fault and one line names them all, so that nobody fixes a deployment
// one variable at a time. It knows no variable's name. It quotes values: a secret must never be read through
// it.
package env

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxQuoted is how many bytes of a value an error shows: enough to recognise it, too few to flood a log.
const maxQuoted = 60

// OS looks up a variable of the process. Nothing else in the project reads its environment.
func OS(name string) (string, bool) { return os.LookupEnv(name) }

// Reader reads variables and remembers their faults.
type Reader struct {
	lookup func(name string) (string, bool)
	faults []string
}

// New makes a Reader over a lookup, usually [OS].
func New(lookup func(name string) (string, bool)) *Reader { return &Reader{lookup: lookup} }

// String reads a variable that must be set. An empty value counts as not set, here and below: a template cannot
// omit a variable, only leave it empty.
func (r *Reader) String(name string) string {
	value, ok := r.value(name)
	if !ok {
		r.Fault(name, "not set")
	}
	return value
}

// Optional reads a variable that has a default.
func (r *Reader) Optional(name, fallback string) string {
	if value, ok := r.value(name); ok {
		return value
	}
	return fallback
}

// URL reads a variable that must be set to an absolute http or https URL without a user. The fault does not
// show the value, because a URL may hold more than an address.
func (r *Reader) URL(name string) string {
	value := r.String(name)
	u, err := url.Parse(value)
	if value != "" &&
		(err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil) {
		r.Fault(name, "not an absolute http or https URL")
	}
	return value
}

// SecretsPrefix reads a variable that must be set to the start of secrets' names. A slash at its end is
// dropped, since one is put behind it.
func (r *Reader) SecretsPrefix(name string) string {
	// The characters of a secret's name (AWS Secrets Manager, CreateSecret, November 2026).
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+=.@-"
	prefix := strings.TrimRight(r.Optional(name, ""), "/")
	if prefix == "" {
		r.Fault(name, "not set")
	} else if strings.Trim(prefix, characters) != "" {
		r.Fault(name, "has a character that no secret's name has; letters, digits and /_+=.@- are right")
	}
	return prefix
}

// Int reads a whole number between lowest and highest, both included.
func (r *Reader) Int(name string, fallback, lowest, highest int) int {
	return within(r, name, strconv.Atoi, "a whole number", fallback, lowest, highest)
}

// Duration reads a duration in Go's notation between lowest and highest, both included.
func (r *Reader) Duration(name string, fallback, lowest, highest time.Duration) time.Duration {
	return within(r, name, time.ParseDuration, `a duration such as "30s" or "5m"`, fallback, lowest, highest)
}

func within[T cmp.Ordered](
	r *Reader, name string, parse func(string) (T, error), what string, fallback, lowest, highest T,
) T {
	text, ok := r.value(name)
	if !ok {
		return fallback
	}
	value, err := parse(text)
	switch {
	case err != nil:
		r.Fault(name, quote(text)+" is not "+what)
	case value < lowest || value > highest:
		r.Fault(name, fmt.Sprintf("%v is not between %v and %v", value, lowest, highest))
	default:
		return value
	}
	return fallback
}

// Fault adds what is wrong with a variable, for checks that only the caller can make.
func (r *Reader) Fault(name, problem string) {
	r.faults = append(r.faults, name+": "+strings.Join(strings.Fields(problem), " "))
}

// Err returns one line that names every fault in the order of the reads, or nil.
func (r *Reader) Err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(r.faults, "; "))
}

func (r *Reader) value(name string) (string, bool) {
	value, ok := r.lookup(name)
	return value, ok && value != ""
}

// quote returns a value on one line, cut if it is long.
func quote(value string) string {
	if len(value) > maxQuoted {
		return strconv.Quote(strings.ToValidUTF8(value[:maxQuoted], "")) + "…"
	}
	return strconv.Quote(value)
}
