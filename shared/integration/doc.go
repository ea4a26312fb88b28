// Package integration answers what the user asked for: which events and properties of which app go to CleverTap, under
// which names.
//
// It promises every problem of a file at once, each with its line, its column and what would be right, a default for
// every key, and a decision for every name. It knows no value of a payload, and keeps no name rules of its own: they are CleverTap's.
package integration
