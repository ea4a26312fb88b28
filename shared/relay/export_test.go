package relay

// IsPublic and ParseRetryAfter are tested by tables of their own.
var (
	IsPublic        = isPublic
	ParseRetryAfter = parseRetryAfter
)
