// Package clevertap answers how records are delivered to CleverTap, and whether they were.
//
// It promises one answer for every record, acceptance only where CleverTap's answer accounts for it, never more than the allowed
// number of uploads in flight for an account, and an end before the deadline. It does not know Purchasely's names, the queue or
// what a message is: records carry a key that is handed back untouched.
package clevertap
