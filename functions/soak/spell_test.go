//go:build soak

package soak_test

import (
	"fmt"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// spell is one thing that goes wrong for a while.
type spell struct {
	name   string
	happen func(w *weather)
}

// spells are all of them. What befalls the stand-in ends by itself after some requests or seconds.
func spells() []spell {
	var all []spell
	upload := func(name string, f ct.Fault) {
		if f.Until == 0 {
			f.Until = 3 * time.Second
		}
		all = append(all, spell{name, func(w *weather) {
			f := f
			if w.dice.IntN(2) == 0 {
				f.Account = oneOf(w.dice, parlaAccount, sharedAccount, sandboxAccount)
			}
			w.cleverTap.AddFault(f)
		}})
	}
	upload("slow", ct.Fault{Kind: ct.Latency, Wait: 300 * time.Millisecond, Count: 15})
	upload("too slow", ct.Fault{Kind: ct.Latency, Wait: 2 * uploadTimeout, Count: 2})
	upload("silence", ct.Fault{Kind: ct.Hang, Count: 2})
	upload("stored, then silence", ct.Fault{Kind: ct.Hang, Stored: true, Count: 2})
	upload("trickle", ct.Fault{Kind: ct.Trickle, Wait: 2 * time.Millisecond, Count: 4})
	upload("trickle too slow", ct.Fault{Kind: ct.Trickle, Wait: 100 * time.Millisecond, Count: 1})
	upload("busy", ct.Fault{Kind: ct.Status, Status: 429, Count: 8})
	upload("busy, back in a second", ct.Fault{Kind: ct.Status, Status: 429, RetryAfter: "1", Count: 4})
	upload("busy, back in an hour", ct.Fault{Kind: ct.Status, Status: 429, RetryAfter: "3600", Count: 3})
	all = append(all, spell{"busy for all", (*weather).throttle})
	for _, status := range []int{408, 500, 502, 503, 504} {
		upload(fmt.Sprint("status ", status), ct.Fault{Kind: ct.Status, Status: status, Count: 3, Body: []string{"json", "html", "empty"}[status%3]})
	}
	upload("stored, status 503", ct.Fault{Kind: ct.Status, Status: 503, Stored: true, Count: 2})
	upload("out of order", ct.Fault{Kind: ct.Status, Status: 503, Until: 2 * time.Second})
	for _, status := range []int{302, 307, 401, 402, 403, 404, 405} {
		upload(fmt.Sprint("status ", status), ct.Fault{Kind: ct.Status, Status: status, Count: 2})
	}
	upload("too large", ct.Fault{Kind: ct.Status, Status: 413, Over: 4000, Until: time.Second})
	upload("reset before", ct.Fault{Kind: ct.ResetBefore, Count: 4})
	upload("reset after", ct.Fault{Kind: ct.ResetAfter, Count: 3})
	upload("half an answer", ct.Fault{Kind: ct.Half, Count: 3})
	upload("HTML with 200", ct.Fault{Kind: ct.Garbage, Count: 3})
	upload("nothing with 200", ct.Fault{Kind: ct.Empty, Count: 3})
	upload("endless blanks", ct.Fault{Kind: ct.Huge, Count: 1})
	upload("wrong count", ct.Fault{Kind: ct.BadCount, Count: 3})
	upload("no count", ct.Fault{Kind: ct.NoCount, Count: 3})
	upload("bare failure", ct.Fault{Kind: ct.BareFail, Count: 3})
	upload("failure without a list", ct.Fault{Kind: ct.EmptyFail, Count: 3})
	upload("passes at the second try", ct.Fault{Kind: ct.Passing, Share: 0.3, Count: 10})
	upload("passes late", ct.Fault{Kind: ct.Passing, Share: 0.3, Times: 5, Count: 10})
	upload("passes, HTTP's code", ct.Fault{Kind: ct.Passing, Share: 0.3, Code: 503, Times: 2, Count: 10})
	upload("stored, called refused", ct.Fault{Kind: ct.Passing, Share: 0.2, Stored: true, Count: 5})
	for _, kind := range []ct.Kind{ct.NoIndex, ct.NoEcho, ct.NoCode, ct.WrongIndex} {
		upload(string(kind), ct.Fault{Kind: kind, Count: 5})
		all = append(all, spell{"refusals with " + string(kind), func(w *weather) {
			w.cleverTap.AddFault(ct.Fault{Kind: ct.Passing, Share: 0.3, Times: 2, Count: 10, Until: 3 * time.Second}, ct.Fault{Kind: kind, Count: 8, Until: 3 * time.Second})
		}})
	}
	return append(append(all, cloudSpells()...), spell{"new passcode", (*weather).rotate}, spell{"new signing key", (*weather).changeKey}, spell{"odd messages", (*weather).plantOddities})
}

// cloudSpells are those of AWS. The next one of the same service ends each.
func cloudSpells() []spell {
	var all []spell
	service := func(name string, of func(*weather) *awstest.Service, operations ...string) {
		for _, kind := range []struct {
			name string
			awstest.Fault
		}{
			{"throttled", awstest.Throttle}, {"down", awstest.Down}, {"broken", awstest.Broken}, {"reset", awstest.Reset},
			{"hanging", awstest.Hang}, {"lost answers", awstest.Fault{Reset: true, AfterEffect: true}},
			{"slow", awstest.Fault{Delay: 300 * time.Millisecond}},
		} {
			all = append(all, spell{name + " " + kind.name, func(w *weather) {
				var troubles []awstest.Fault
				for _, operation := range operations {
					t := kind.Fault
					t.Operation, t.Times = operation, 2+w.dice.IntN(4)
					troubles = append(troubles, t)
				}
				of(w).Inject(troubles...)
			}})
		}
	}
	service("SQS", func(w *weather) *awstest.Service { return &w.aws.SQS.Service }, "SendMessage", "ChangeMessageVisibilityBatch", "SendMessageBatch")
	service("Secrets Manager", func(w *weather) *awstest.Service { return &w.aws.Secrets.Service }, "GetSecretValue")
	service("DynamoDB", func(w *weather) *awstest.Service { return &w.aws.Dynamo.Service }, "BatchGetItem", "PutItem")
	return append(all, spell{"DynamoDB leaving keys out", func(w *weather) { w.table.LeaveUnprocessed(3) }})
}
