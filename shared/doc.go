// Package shared has no code of its own: it is the way to read the packages below it, in the order in which they
// handle a webhook.
//
// In: functions/receiver passes an HTTP request to receive. That checks the signature and reads the ids with
// webhook, with keys from secret, encodes the webhook with message and puts it on the queue, and Purchasely gets 200.
//
// Out: functions/forwarder passes a batch of messages to forward. That decodes each with message, reads it with
// webhook, and turns it into CleverTap's records with mapping, by the rules of integration. subscriber keeps the
// state of each person's purchases, so that nobody who pays is called inactive. clevertap uploads the records and
// accounts for each of them. In the end every message is delivered, skipped, rejected or retried.
//
// Beside these: functions/relay passes webhooks to relay, which posts them to the customer's own back end.
// functions/users passes what that back end says about people to users. functions/heartbeat has heartbeat send an event
// of the bridge's own the whole way.
//
// The others serve all of these: settings (which integration file is in force), httpapi and standardwebhooks (requests
// and their signatures), network (connections), fault (what happens next after an error), secret, env and metric. Only
// aws knows AWS. The rules of depguard in .golangci.yml say who may import whom.
package shared
