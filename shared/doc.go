// Package shared holds everything of the bridge that is worth testing; it has no code of its own. Read its packages along
// the way of a webhook.
//
// In: functions/receiver hands an HTTP request to receive, the corridor. It asks webhook whether the signature is genuine, with
// keys that secret keeps for a while, and lets webhook pick the ids; message makes the queue's form, SQS takes it, Purchasely
// gets 200.
//
// Out: functions/forwarder hands a batch to forward, the corridor. message opens each message, webhook reads the event, integration
// says what the user asked for, mapping turns it into records, subscriber keeps a paying user from being called inactive,
// and clevertap delivers and says, record by record, what was accepted. forward settles: every message is delivered,
// skipped, rejected or retried.
//
// Underneath lie fault (what happens next after an error), secret, env and metric. Nothing here knows the AWS SDK; who may import
// whom is checked by the test beside this file.
package shared
