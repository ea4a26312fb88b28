package webhook

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

// String returns the effect's word in the catalogue.
func (a After) String() string { return afterWords[a] }

// Statuses of event types that the code distinguishes.
const (
	current  = "current"
	recent   = "new"
	legacyV2 = "legacy_v2"
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
	Types    []string // purchase types that it can be about; nil if not known
	AliasOf  string
	OneTime  bool // only ever about one-time purchases
	Meaning  string
	Note     string
}

// parseEventType parses a row: name, family, status, access, after, money, transfer, types, alias_of, meaning, note.
func parseEventType(row []string) EventType {
	t := EventType{
		Name: row[0], Family: row[1], Status: row[2], Access: row[3], After: value[After](afterWords, row[4]),
		Money: row[5] == "yes", Transfer: row[6], Types: list(row[7]), AliasOf: row[8], Meaning: row[9], Note: row[10],
	}
	t.OneTime = t.Types != nil
	for _, purchase := range t.Types {
		t.OneTime = t.OneTime && (purchase == consumable || purchase == nonConsumable)
	}
	return t
}

// Known reports whether webhooks of this type are expected. Other names on Purchasely's pages and unconfirmed ones
// are not.
func (t *EventType) Known() bool {
	return t.Status == current || t.Status == recent || t.Status == legacyV2
}

// Canonical returns the event that an old name stands for, else the event itself. It counts for the subscriber's
// state only, never for switches and names.
func (t *EventType) Canonical() string {
	if t.Status == legacyV2 && t.AliasOf != "" {
		return t.AliasOf
	}
	return t.Name
}
