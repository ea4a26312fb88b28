// Package webhook answers what Purchasely sent: is it genuine, and what does it say?
//
// It promises that a signature counts only if it covers the raw bytes, that reading keeps every attribute, its order and the
// exact text of numbers in both payload versions, and that an unknown event, attribute or value is never refused. It does
// not know CleverTap, the queue or what the user asked for.
package webhook
