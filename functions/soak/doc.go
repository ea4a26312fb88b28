// Package soak proves that nothing is lost and nothing gets stuck, by tests alone.
//
// One test runs the built functions between stand-ins for Purchasely, AWS and CleverTap, all of which go wrong at random, kills
// processes, and then accounts for every webhook. The other lets one account fail for a day of virtual time. Both take longer than unit
// tests may and need the build tag soak; `make soak` runs them. They do not prove that AWS and CleverTap are what their stand-ins are.
package soak
