// Package mapping answers what a webhook means in CleverTap: which records, under which identity and names, with which values.
//
// It is pure: the same bytes and the same integration file give the same records, byte for byte. Every record has exactly one
// identity key, stays within CleverTap's limits, and nothing is dropped without a reason that can be told. It
// does no I/O, never reads the clock, and never guesses an identity.
package mapping
