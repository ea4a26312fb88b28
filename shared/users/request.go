package users

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Limits of a request.
const (
	MaxBody     = 256 << 10 // bytes
	MaxEntries  = 500
	maxProblems = 500
)

// Problem is what is wrong with a request, and where.
type Problem struct {
	Path string `json:"path"`    // such as links[3].clevertap_id; empty: the whole request
	Text string `json:"problem"` // quotes nothing of the request
}

// lists are the keys of a request, in the order in which their entries count.
var lists = []struct {
	name   string
	action Action
	keys   []string // of an entry
}{
	{"links", Link, []string{"user_id", "anonymous_user_id", "clevertap_id", "observed_at"}},
	{"suppress", Suppress, []string{"user_id", "anonymous_user_id", "observed_at"}},
	{"restore", Restore, []string{"user_id", "anonymous_user_id", "observed_at"}},
}

// Read reads a request's body. If there are problems, all of them are returned, and no update counts.
func Read(body []byte, now time.Time) ([]Update, []Problem) {
	r := reader{now: now}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		r.syntax(err)
		return nil, r.problems
	}
	entries := make(map[string][]jsontext.Value)
	total := 0
	for _, list := range lists {
		var values []jsontext.Value // null counts as absent
		if raw, given := members[list.name]; given && json.Unmarshal(raw, &values) != nil {
			r.wrong(list.name, "not a list")
		}
		entries[list.name] = values
		total += len(values)
		delete(members, list.name)
	}
	r.unknown("", members, "links, suppress and restore are the keys of a request")
	if total > MaxEntries {
		r.wrong("", fmt.Sprintf("more than %d entries; send them in several requests", MaxEntries))
		return nil, r.problems
	}
	for _, list := range lists {
		for i, raw := range entries[list.name] {
			r.entry(fmt.Sprintf("%s[%d]", list.name, i), list.action, list.keys, raw)
		}
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return r.updates, nil
}

// reader collects what a request says and what is wrong with it.
type reader struct {
	now        time.Time
	updates    []Update
	problems   []Problem
	suppressed map[webhook.Subscriber]bool
}

func (r *reader) wrong(path, text string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{path, text})
	}
}

// syntax says why a body is no JSON object. The decoder's own words can quote what it read.
func (r *reader) syntax(err error) {
	broken, isSyntax := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case isSyntax && errors.Is(err, jsontext.ErrDuplicateName):
		r.wrong(pathOf(broken.JSONPointer), "the key occurs twice")
	case isSyntax:
		r.wrong(pathOf(broken.JSONPointer), "not JSON in UTF-8")
	default:
		r.wrong("", "not a JSON object with links, suppress and restore")
	}
}

// plainKey is a key that may be named in a path. Anything else may be somebody's id.
var plainKey = regexp.MustCompile(`^[A-Za-z_]{1,40}$`)

// join adds a key to a path, if it may be named.
func join(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path
	case path == "":
		return key
	default:
		return path + "." + key
	}
}

// maxSteps is how long the path of a key is at most.
const maxSteps = 3

// pathOf is a JSON pointer as a path, as far as anything right can be.
func pathOf(pointer jsontext.Pointer) (path string) {
	steps := 0
	for token := range pointer.Tokens() {
		if steps++; steps > maxSteps {
			break
		}
		if path != "" && token != "" && strings.Trim(token, "0123456789") == "" {
			path += "[" + token + "]"
		} else {
			path = join(path, token)
		}
	}
	return path
}

// unknown notes members that should not be there.
func (r *reader) unknown(path string, members map[string]jsontext.Value, right string) {
	for _, key := range slices.Sorted(maps.Keys(members)) {
		r.wrong(join(path, key), "unknown key; "+right)
	}
}

// entry reads what is said of one person.
func (r *reader) entry(path string, action Action, keys []string, raw jsontext.Value) {
	var members map[string]jsontext.Value
	if json.Unmarshal(raw, &members) != nil || members == nil {
		r.wrong(path, "not an object")
		return
	}
	before := len(r.problems)
	texts := make(map[string]string, len(keys)) // of the members that are there; null counts as absent
	for _, key := range keys {
		switch value := members[key]; value.Kind() {
		case jsontext.KindString:
			text, _ := jsontext.AppendUnquote(nil, value) // it was read from JSON
			texts[key] = string(text)
		case jsontext.KindInvalid, jsontext.KindNull:
		default:
			r.wrong(join(path, key), "not a text")
		}
		delete(members, key)
	}
	r.unknown(path, members, strings.Join(keys, ", ")+" are the keys of an entry")
	u := Update{Action: action, Person: r.person(path, texts), At: r.observed(path, texts)}
	if action == Link {
		u.CleverTapID = r.clevertapID(path, texts)
	}
	if len(r.problems) > before {
		return
	}
	if action == Suppress {
		if r.suppressed == nil {
			r.suppressed = make(map[webhook.Subscriber]bool)
		}
		r.suppressed[u.Person] = true
	}
	if action == Restore && r.suppressed[u.Person] {
		r.wrong(path, "the same person is in suppress; a request says one or the other")
		return
	}
	r.updates = append(r.updates, u)
}

// person reads whom an entry is about.
func (r *reader) person(path string, texts map[string]string) webhook.Subscriber {
	user, anonymous := texts["user_id"], texts["anonymous_user_id"]
	switch {
	case !webhook.Absent(user) && !webhook.Absent(anonymous):
		r.wrong(path, "both user_id and anonymous_user_id; an entry has exactly one of them")
	case !webhook.Absent(user):
		return webhook.Subscriber{Kind: webhook.ByUser, ID: user}
	case !webhook.Absent(anonymous):
		return webhook.Subscriber{Kind: webhook.ByAnonymous, ID: anonymous}
	default:
		for _, key := range []string{"user_id", "anonymous_user_id"} {
			if _, given := texts[key]; given {
				r.wrong(join(path, key), "nobody's id: it is empty, or a word for nothing such as null")
				return webhook.Subscriber{}
			}
		}
		r.wrong(path, "neither user_id nor anonymous_user_id; an entry has exactly one of them, as a text")
	}
	return webhook.Subscriber{}
}

func (r *reader) clevertapID(path string, texts map[string]string) string {
	id, given := texts["clevertap_id"]
	switch {
	case !given:
		r.wrong(join(path, "clevertap_id"), "missing; it is a text, as CleverTap's SDK returns it")
	case !IsCleverTapID(id):
		r.wrong(join(path, "clevertap_id"), "not a CleverTap ID, which has 1 to 64 letters, digits and ( ) ! : @ $ _ -")
	}
	return id
}

// observed reads when an entry was observed. Without a time, and from a clock that runs ahead, it is now.
func (r *reader) observed(path string, texts map[string]string) time.Time {
	text, given := texts["observed_at"]
	if !given {
		return r.now
	}
	var at time.Time
	switch err := at.UnmarshalText([]byte(text)); {
	case err != nil:
		r.wrong(join(path, "observed_at"), "not a time of RFC 3339, such as 2026-11-28T09:30:00Z")
	case at.Unix() <= 0:
		r.wrong(join(path, "observed_at"), "before 1970; leave it out if it is not known")
	case at.After(r.now):
		return r.now
	}
	return at
}
