// Package journal reads what the subscribers table has of people and of their webhooks, and says it in sentences.
//
// It promises that what a transfer leads to is read as well, that every reason has words, and that nothing is written.
//
// [Read] returns the history of one person, [Latest] a page of the newest entries, and [Scan] all entries of a
// selection; [Entry.Describe] says an entry in sentences, and [Entry.Form] is the one that programs read.
package journal

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// Entry is what became of one webhook.
type Entry struct {
	subscriber.Event
	Key subscriber.Key
}

// ReadEntry reads an item of the journal.
func ReadEntry(e dynamo.Entry) Entry {
	entry := Entry{subscriber.ReadEvent(e.Item), e.Key}
	if entry.EventID == "" {
		entry.EventID = subscriber.EventID(e.Key.Sort) // a hash of the body
	}
	return entry
}

// Form is an entry as commands print it for programs.
type Form struct {
	App      string    `json:"app"`
	Event    string    `json:"event"`
	EventID  string    `json:"event_id"` // or a hash of the webhook, where it has none
	Created  time.Time `json:"created,omitzero"`
	Received time.Time `json:"received"`
	Settled  time.Time `json:"settled"`
	Outcome  string    `json:"outcome"`
	Reason   string    `json:"reason,omitzero"`
	Code     string    `json:"code,omitzero"`
	Because  string    `json:"because,omitzero"` // the reason in words
	Account  string    `json:"account,omitzero"`
	Records  []string  `json:"records"`       // that CleverTap has
	Name     string    `json:"name,omitzero"` // of the event at CleverTap, where it is another one
	Active   *bool     `json:"active"`        // whether the person was then; null: unknown
	Attempt  int       `json:"attempt"`
	Settings string    `json:"settings"`
	Other    string    `json:"other,omitzero"` // of a transfer: the other side's subscriber
	HasBody  bool      `json:"has_body"`
}

// Form is the entry for programs.
func (e Entry) Form() Form {
	f := Form{
		App: e.App, Event: e.Event.Event, EventID: e.EventID, Created: e.Created, Received: e.Received, Settled: e.Settled,
		Outcome: e.Outcome, Reason: e.Reason, Code: e.Code, Account: e.Account, Name: e.Name,
		Attempt: e.Attempt, Settings: e.Settings, Other: e.Other, HasBody: e.Body != nil,
	}
	if e.Records != "" {
		f.Records = strings.Split(e.Records, ",")
	}
	if e.Reason != "" {
		f.Because = Because(e.Reason, e.Code)
	}
	if e.Active != "" {
		f.Active = new(e.Active == "true")
	}
	return f
}

// State is what is stored of a person's purchases at an account.
type State struct {
	Account string // its id
	subscriber.State
	Expires time.Time // zero: never
	Damage  error     // why not all of it can be believed
}

// AppPerson is what a company's back end, or an operator, has said of a person of an app.
type AppPerson struct {
	App string
	subscriber.Person
	Damage error // why it cannot be read: the person's webhooks wait
}

// Person is one id of somebody, with all that the table has of it.
type Person struct {
	Partition string
	Asked     bool // false: a transfer has led to this one
	States    []State
	Apps      []AppPerson
	Entries   []Entry
}

// Partitions are where the table has a person with these ids; an empty one is not known.
func Partitions(user, anonymous string) (partitions []string) {
	if user != "" {
		partitions = append(partitions, subscriber.Partition(webhook.ByUser.String(), user))
	}
	if anonymous != "" {
		partitions = append(partitions, subscriber.Partition(webhook.ByAnonymous.String(), anonymous))
	}
	return partitions
}

// maxPeople bounds how many ids a chain of transfers may lead to.
const maxPeople = 20

// History is what the table has of a person, and of those to whom transfers lead.
type History struct {
	People     []Person // those that were asked for come first
	Unfollowed int      // ids to which transfers lead and that were not read any more
}

// Read reads the partitions of one person's ids, and those to which transfers lead. With an app only what the app has
// of them is returned; states belong to accounts, which apps may share.
func Read(ctx context.Context, table *dynamo.Table, partitions []string, app string, now time.Time) (History, error) {
	var h History
	asked := len(partitions)
	found := slices.Clone(partitions)
	for n := 0; n < len(found) && n < maxPeople; n++ {
		p, err := ReadPerson(ctx, table, found[n], app, now)
		if err != nil {
			return h, err
		}
		p.Asked = n < asked
		for _, e := range p.Entries {
			if e.Other != "" && !slices.Contains(found, e.Other) {
				found = append(found, e.Other)
			}
		}
		h.People = append(h.People, p)
	}
	h.Unfollowed = len(found) - len(h.People)
	return h, nil
}

// ReadPerson reads one partition, as [Read] does. Expired items count as absent.
func ReadPerson(ctx context.Context, table *dynamo.Table, partition, app string, now time.Time) (Person, error) {
	p := Person{Partition: partition}
	for e, err := range table.Partition(ctx, partition, "") {
		if err != nil {
			return p, err
		}
		if e.Item.Expired(now) {
			continue
		}
		switch kind, rest, _ := strings.Cut(e.Key.Sort, "#"); kind + "#" {
		case subscriber.StatePrefix:
			s := State{Account: rest}
			s.State, s.Damage = subscriber.DecodeState(e.Item.Text(subscriber.StateAttribute))
			if expires := e.Item.Number(subscriber.ExpiresAttribute); expires != 0 {
				s.Expires = time.Unix(expires, 0).UTC()
			}
			p.States = append(p.States, s)
		case subscriber.PersonPrefix:
			if app == "" || rest == app {
				known, err := subscriber.ReadPerson(e.Item, now)
				p.Apps = append(p.Apps, AppPerson{rest, known, err})
			}
		case subscriber.EventPrefix:
			if entry := ReadEntry(e); app == "" || entry.App == app {
				p.Entries = append(p.Entries, entry)
			}
		}
	}
	return p, nil
}

// Line is an entry of a timeline.
type Line struct {
	Entry
	Number int // in the timeline, from 1 on
	Person int // its index in the history
}

// Timeline is every webhook of the history, in the order in which they arrived.
func (h History) Timeline() []Line {
	var lines []Line
	for i, p := range h.People {
		for _, e := range p.Entries {
			lines = append(lines, Line{Entry: e, Person: i})
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(a.Received.Compare(b.Received), a.Created.Compare(b.Created), cmp.Compare(a.Key.Sort, b.Key.Sort))
	})
	for i := range lines {
		lines[i].Number = i + 1
	}
	return lines
}
