package subscriber

import (
	"errors"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

// Attributes of a person's item.
const (
	LinkAttribute       = "clevertap_id"
	ObservedAttribute   = "observed_at"
	SuppressedAttribute = "suppressed_at"
	RestoredAttribute   = "restored_at"
)

// PersonAttributes are those that change together.
var PersonAttributes = []string{LinkAttribute, ObservedAttribute, SuppressedAttribute, RestoredAttribute}

const (
	// personLifetime is how long a person is kept after the last change. A suppressed one is kept for ever.
	personLifetime = 400 * 24 * time.Hour
	// personRenewal is how much of it must remain, or the next use of the item writes it anew.
	personRenewal = 200 * 24 * time.Hour
)

var errPerson = errors.New("person item cannot be read")

// Person is what a company's back end, or an operator, has said about a person of an app.
type Person struct {
	CleverTapID  string    // the linked CleverTap ID; empty: none
	ObservedAt   time.Time // when the link was observed
	SuppressedAt time.Time // zero: never
	RestoredAt   time.Time // zero: never
}

// Suppressed reports whether nothing may be sent about the person. At the same instant suppression wins over
// restoration.
func (p Person) Suppressed() bool {
	return !p.SuppressedAt.IsZero() && !p.RestoredAt.After(p.SuppressedAt)
}

// Link notes a CleverTap ID that was observed at an instant. The newest observation counts; at the same instant the
// one that arrives later.
func (p *Person) Link(cleverTapID string, at time.Time) (changed bool) {
	at = at.UTC().Truncate(time.Millisecond)
	if at.Before(p.ObservedAt) || at.Equal(p.ObservedAt) && cleverTapID == p.CleverTapID {
		return false
	}
	p.CleverTapID, p.ObservedAt = cleverTapID, at
	return true
}

// Suppress notes that from an instant on nothing may be sent.
func (p *Person) Suppress(at time.Time) (changed bool) { return later(&p.SuppressedAt, at) }

// Restore notes that from an instant on everything may be sent again.
func (p *Person) Restore(at time.Time) (changed bool) { return later(&p.RestoredAt, at) }

func later(t *time.Time, at time.Time) bool {
	at = at.UTC().Truncate(time.Millisecond)
	if !at.After(*t) {
		return false
	}
	*t = at
	return true
}

// Item is the person as the table has it, with the time at which it may be deleted.
func (p Person) Item(now time.Time) Item {
	i := Item{}
	if p.CleverTapID != "" {
		i[LinkAttribute] = p.CleverTapID
	}
	for name, at := range map[string]time.Time{
		ObservedAttribute: p.ObservedAt, SuppressedAttribute: p.SuppressedAt, RestoredAttribute: p.RestoredAt,
	} {
		if !at.IsZero() {
			i[name] = message.FormatTime(at)
		}
	}
	if !p.Suppressed() {
		i.expireAfter(now, personLifetime)
	}
	return i
}

// ReadPerson reads an item; nil and an expired one are nobody. The error quotes nothing of the item.
func ReadPerson(i Item, now time.Time) (Person, error) {
	if i == nil || i.Expired(now) {
		return Person{}, nil
	}
	link, isText := i[LinkAttribute].(string)
	if i[LinkAttribute] != nil && !isText {
		return Person{}, errPerson
	}
	observed, err1 := i.instant(ObservedAttribute)
	suppressed, err2 := i.instant(SuppressedAttribute)
	restored, err3 := i.instant(RestoredAttribute)
	if err1 != nil || err2 != nil || err3 != nil {
		return Person{}, errPerson
	}
	return Person{link, observed, suppressed, restored}, nil
}

// NeedsRenewal reports whether an item that is in use should be written anew, so that it does not expire.
func NeedsRenewal(i Item, now time.Time) bool {
	expires := i.Number(ExpiresAttribute)
	return expires != 0 && time.Unix(expires, 0).Before(now.Add(personRenewal))
}
