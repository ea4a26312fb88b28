package webhook

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// The vendor's events and attributes, one a line. A new one is added there and nowhere else.
var (
	//go:embed catalogue/attributes.csv
	attributesCSV string
	//go:embed catalogue/events.csv
	eventsCSV string
)

// Catalogue is what is known of the vendor's events and attributes. It does not change, and may be read by many at once.
type Catalogue struct {
	Attributes []Attribute
	Events     []EventType

	events     map[string]*EventType
	names      names                 // payload attributes with one fixed name
	dynamic    []*Attribute          // payload attributes whose name is a pattern
	properties map[string]*Attribute // user properties, from the payload or derived
	own        ownAttributes
}

// ownAttributes are the catalogue indexes of what this room reads for itself.
type ownAttributes struct {
	user, anonymous, device         int
	subscription, oneTime, original int
}

// EmbeddedCatalogue gives what is embedded, parsed once.
func EmbeddedCatalogue() *Catalogue {
	embedded.Do(func() {
		c, err := parseCatalogue(attributesCSV, eventsCSV)
		if err != nil {
			panic(err) // A line that makes no sense is a mistake of the build.
		}
		embedded.catalogue = c
	})
	return embedded.catalogue
}

// embedded is no sync.OnceValue, which would put the tables and their reader into every binary that reads webhooks.
var embedded struct {
	sync.Once
	catalogue *Catalogue
}

// parseCatalogue reads both tables and reports everything that is wrong with them at once.
func parseCatalogue(attributes, events string) (*Catalogue, error) {
	c := new(Catalogue)
	var attributeErr, eventErr error
	c.Attributes, attributeErr = readAttributes(attributes)
	c.Events, eventErr = readEvents(events)
	if err := errors.Join(attributeErr, eventErr); err != nil {
		return nil, err
	}
	c.index()
	return c, c.resolve()
}

func (c *Catalogue) index() {
	c.events = make(map[string]*EventType, len(c.Events))
	for i := range c.Events {
		c.events[c.Events[i].Name] = &c.Events[i]
	}
	c.names = newNames(c.Attributes)
	c.properties = make(map[string]*Attribute)
	for i := range c.Attributes {
		a := &c.Attributes[i]
		if a.dynamic {
			c.dynamic = append(c.dynamic, a)
		}
		if a.Property != NoProperty {
			c.properties[a.Name] = a
		}
	}
}

// resolve finds the attributes without which this room cannot work.
func (c *Catalogue) resolve() error {
	var missing []error
	find := func(name string) int {
		if a := c.names.find([]byte(name)); a != nil {
			return a.Index
		}
		missing = append(missing, fmt.Errorf("attributes.csv: %s is missing", name))
		return -1
	}
	c.own = ownAttributes{
		user: find("user_id"), anonymous: find("anonymous_user_id"), device: find("device_id"),
		subscription: find("purchasely_subscription_id"), oneTime: find("purchasely_one_time_purchase_id"),
		original: find("store_original_transaction_id"),
	}
	for _, name := range version2.targets() {
		find(name)
	}
	return errors.Join(missing...)
}

// Attribute finds a payload attribute by name. An exact name goes before a pattern: amount_in_usd has a row of its own, while
// amount_in_eur belongs to amount_in_xxx. Derived rows are no payload attributes and are found by [Catalogue.UserProperty]
// only. It returns nil for an unknown name and does not allocate.
func (c *Catalogue) Attribute(name []byte) *Attribute {
	if a := c.names.find(name); a != nil {
		return a
	}
	for _, a := range c.dynamic {
		if a.matches(name) {
			return a
		}
	}
	return nil
}

// UserProperty finds a row that is a user property, from the payload or derived; nil: none.
func (c *Catalogue) UserProperty(name string) *Attribute { return c.properties[name] }

// Event finds an event type, known or not yet confirmed; nil: nobody has heard of it. It does not allocate.
func (c *Catalogue) Event(name []byte) *EventType { return c.events[string(name)] }

// NearestEvent suggests the known event that a misspelt name may mean, "" if none is near. For a variant of the vendor's pages
// that is the event they mean.
func (c *Catalogue) NearestEvent(name string) string {
	if t := c.events[name]; t != nil && !t.Known() && t.AliasOf != "" {
		return t.AliasOf
	}
	near := newNearest(strings.ToUpper(name))
	for i := range c.Events {
		if c.Events[i].Known() {
			near.offer(c.Events[i].Name)
		}
	}
	return near.best
}

// NearestAttribute suggests the payload attribute that a misspelt name may mean, "" if none is near.
func (c *Catalogue) NearestAttribute(name string) string {
	near := newNearest(strings.ToLower(name))
	for i := range c.Attributes {
		if !c.Attributes[i].Derived {
			near.offer(c.Attributes[i].Name)
		}
	}
	return near.best
}

// NearestProperty suggests the user property that a misspelt name may mean, "" if none is near.
func (c *Catalogue) NearestProperty(name string) string {
	near := newNearest(strings.ToLower(name))
	for i := range c.Attributes {
		if c.Attributes[i].Property != NoProperty {
			near.offer(c.Attributes[i].Name)
		}
	}
	return near.best
}
