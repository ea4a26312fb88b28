package clevertap

// CleverTap's limits, as the bridge keeps them. Where the vendor's pages disagree the smaller number stands here, and lengths
// are bytes of the decoded UTF-8, because whoever keeps bytes keeps characters too. The numbers come from
// developer.clevertap.com/docs, pages upload-events-api, upload-user-profiles-api, events-object and set-clevertap-id, and
// docs.clevertap.com/docs/platform-considerations, read in November 2026.
const (
	// MaxRecords is the number of records of one upload.
	MaxRecords = 1000
	// MaxUploadBytes is the size of one upload's body. The vendor states none; this is the bridge's own, and an upload that
	// is refused with 413 is halved all the same.
	MaxUploadBytes = 1 << 20
	// MaxProperties is the number of properties of an event, and of the profile keys that the bridge sends.
	MaxProperties = 100
	// MaxKeyBytes is the length of a property's name, prefix included.
	MaxKeyBytes = 120
	// MaxValueBytes is the length of a text value. Identities are not cut: they have no limit that is known.
	MaxValueBytes = 512
	// MaxEventNameBytes is the length of an event's name. The vendor states none for the API; this is the bridge's own.
	MaxEventNameBytes = 120
	// MaxEventTypes is the number of event names of one account, CleverTap's own included.
	MaxEventTypes = 512
	// MaxItems is the number of items of a Charged event: the vendor's SDKs warn above it.
	MaxItems = 50
	// MaxCustomIDBytes is the length of an id that an app gives CleverTap as its own, the prefix included.
	MaxCustomIDBytes = 64
	// MaxInFlight is the number of uploads that CleverTap takes from one account at a time, whoever sends them
	// (api-request-limit).
	MaxInFlight = 15
	// MaxTime is the latest ts in seconds that cannot be a number of milliseconds.
	MaxTime = 99_999_999_999
)
