package query

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// Event is one event.
type Event struct {
	Identity    string // of its profile; empty: it has none
	CleverTapID string // of its profile; empty: the answer does not say
	At          time.Time
	Properties  map[string]jsontext.Value
}

// text is a text, or a number's digits.
type text string

// UnmarshalJSON reads a text or a number.
func (t *text) UnmarshalJSON(value []byte) error {
	if value[0] != '"' {
		*t = text(strings.TrimSuffix(string(value), "null"))
		return nil
	}
	unquoted, err := jsontext.AppendUnquote(nil, value)
	*t = text(unquoted)
	return err
}

// eventForm is an event as CleverTap writes it.
type eventForm struct {
	Profile struct {
		Identity text `json:"identity"`
		ObjectID text `json:"objectId"`
	} `json:"profile"`
	At         text                      `json:"ts"` // 20261128143005, in the account's zone
	Properties map[string]jsontext.Value `json:"event_props"`
}

func (f *eventForm) event(zone *time.Location) (Event, error) {
	at, err := time.ParseInLocation("20060102150405", string(f.At), zone)
	return Event{string(f.Profile.Identity), string(f.Profile.ObjectID), at, f.Properties}, err
}

// Events returns the events that a question is about. Their times are in the account's zone, which has to be known;
// what is custom in their profiles is left out. An error ends it.
func (c *Client) Events(
	ctx context.Context, a clevertap.Account, q Question, zone *time.Location,
) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		cursor, err := c.cursor(ctx, a, q)
		for err == nil && cursor != "" {
			var rows []Event
			if rows, cursor, err = c.page(ctx, a, cursor, zone); err != nil {
				break
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}

func (c *Client) cursor(ctx context.Context, a clevertap.Account, q Question) (string, error) {
	var answer struct {
		Cursor string `json:"cursor"`
	}
	const slim = "&events=false&profile=false" // the profile's own properties are nobody's business here
	f := form{Event: q.Event, From: q.From, To: q.To}
	err := c.ask(ctx, a, "/1/events.json?batch_size="+strconv.Itoa(rowsPerPage)+slim, f, &answer)
	if err == nil && answer.Cursor == "" {
		err = errUnreadable
	}
	return answer.Cursor, err
}

// page reads the rows at a cursor. next is empty after the last page.
func (c *Client) page(
	ctx context.Context, a clevertap.Account, cursor string, zone *time.Location,
) (rows []Event, next string, err error) {
	body, err := c.request(ctx, a, http.MethodGet, "/1/events.json?cursor="+url.QueryEscape(cursor), nil)
	if err != nil {
		return nil, "", err
	}
	var answer struct {
		Next    string      `json:"next_cursor"`
		Records []eventForm `json:"records"`
	}
	if err := read(body, &answer); err != nil {
		return nil, "", err
	}
	rows = make([]Event, len(answer.Records))
	for i := range answer.Records {
		if rows[i], err = answer.Records[i].event(zone); err != nil {
			return nil, "", errUnreadable
		}
	}
	return rows, answer.Next, nil
}

// Profile is what CleverTap has of one user.
type Profile struct {
	Events map[string]int // how often each happened
	Data   map[string]jsontext.Value
}

// Profile returns the profile of an identity, nil if there is none. The identity becomes part of a URL, as CleverTap
// wants it: it is for made-up users.
func (c *Client) Profile(ctx context.Context, a clevertap.Account, identity string) (*Profile, error) {
	body, err := c.request(ctx, a, http.MethodGet, "/1/profile.json?identity="+url.QueryEscape(identity), nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Record *struct {
			Data   map[string]jsontext.Value `json:"profileData"`
			Events map[string]struct {
				Count number `json:"count"`
			} `json:"events"`
		} `json:"record"`
	}
	if decode(body, &answer) != nil {
		return nil, errUnreadable
	}
	if answer.Record == nil {
		return nil, nil
	}
	p := &Profile{Events: make(map[string]int), Data: answer.Record.Data}
	for name, event := range answer.Record.Events {
		p.Events[name] = int(event.Count)
	}
	return p, nil
}
