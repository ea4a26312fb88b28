package webhook

import "strings"

// After is what an event does to has_active_subscription.
type After uint8

// The effects.
const (
	ByStatus After = iota // subscription_status decides
	Unset                 // the event is not about a subscription
	Grants
	Ends
)

var afterWords = []string{"by_status", "unset", "grants", "ends"}

// String is the effect's word in the catalogue.
func (a After) String() string { return afterWords[a] }

// The words of the catalogue of events.
const (
	current  = "current"
	recent   = "new"
	legacyV2 = "legacy_v2"
	variant  = "doc_variant"
)

var (
	familyWords   = []string{"entitlement", "lifecycle", "offer", "transaction"}
	statusWords   = []string{current, recent, legacyV2, variant, "unconfirmed"}
	accessWords   = []string{"none", "grant", "revoke"}
	moneyWords    = []string{"no", "yes"}
	transferWords = []string{"none", "from", "to"}
	purchaseWords = []string{consumable, nonConsumable, "NON_RENEWING_SUBSCRIPTION", "RENEWING_SUBSCRIPTION"}
)

// The purchase types of one-time purchases.
const (
	consumable    = "CONSUMABLE"
	nonConsumable = "NON_CONSUMABLE"
)

// EventType is one row of the catalogue of events.
type EventType struct {
	Name     string
	Family   string // entitlement, lifecycle, offer, transaction
	Status   string // current, new, legacy_v2, doc_variant, unconfirmed
	Access   string // grant, revoke, none
	After    After
	Money    bool
	Transfer string   // the subscriber's part in a transfer: from (losing), to (gaining), none
	Types    []string // purchase types that it can be about; nil: not known
	AliasOf  string
	OneTime  bool // only ever about one-time purchases
	Meaning  string
	Note     string
}

// Known tells whether webhooks of this type are expected: variants of the vendor's pages and unconfirmed names are not.
func (t *EventType) Known() bool {
	return t.Status == current || t.Status == recent || t.Status == legacyV2
}

// Canonical is the event that an old name stands for. It counts for the subscriber's state only, never for switches and names.
// Any other event stands for itself.
func (t *EventType) Canonical() string {
	if t.Status == legacyV2 && t.AliasOf != "" {
		return t.AliasOf
	}
	return t.Name
}

const eventLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

var eventColumns = []string{"name", "family", "status", "access", "after", "money", "transfer", "types", "alias_of", "meaning", "note"}

// readEvents reads the catalogue's events and refuses rows that contradict themselves or each other.
func readEvents(text string) ([]EventType, error) {
	var events []EventType
	seen := make(map[string]bool)
	t := openTable("events.csv", text, eventColumns)
	for t.next() {
		e := readEvent(t)
		t.require(!seen[e.Name], "name", "come before")
		t.require(e.AliasOf == "" || seen[e.AliasOf], "alias_of", "an event that does not stand before it")
		seen[e.Name] = true
		events = append(events, e)
	}
	return events, t.err()
}

func readEvent(t *table) EventType {
	e := EventType{
		Name: t.cell("name"), Family: t.word("family", familyWords), Status: t.word("status", statusWords),
		Access: t.word("access", accessWords), After: choice[After](t, "after", afterWords),
		Money: t.word("money", moneyWords) == "yes", Transfer: t.word("transfer", transferWords),
		Types: t.list("types", purchaseWords), AliasOf: t.cell("alias_of"), Meaning: t.cell("meaning"), Note: t.cell("note"),
	}
	e.OneTime = e.Types != nil
	for _, word := range e.Types {
		e.OneTime = e.OneTime && (word == consumable || word == nonConsumable)
	}
	t.require(e.Name != "" && strings.Trim(e.Name, eventLetters) == "", "name", "other characters than "+eventLetters)
	t.require(e.Types != nil || !e.Known(), "types", "nothing")
	t.require(e.AliasOf == "" || e.Status == legacyV2 || e.Status == variant, "alias_of", "a name, yet the event is not an old one")
	t.require(e.After != Grants || e.Access == "grant", "after", "grants, yet there is no access")
	t.require(e.After != Ends || e.Access == "revoke", "after", "ends, yet access is not revoked")
	t.require(e.Meaning != "", "meaning", "nothing")
	return e
}
