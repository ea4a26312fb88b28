package relay

// IsPublic is tested by a table of its own.
var IsPublic = isPublic
