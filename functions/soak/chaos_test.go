//go:build soak

package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	ct "github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// chaos lets everything fail, one thing after the other and several at a time.
type chaos struct {
	*stack
	random          *rand.Rand
	newPasscodes    int
	newKeys         bool
	receiversKilled int
	happened        totals // fault cases
}

// faultCase is one thing that fails for a while.
type faultCase struct {
	name   string
	inject func(c *chaos)
}

// run injects one fault after the other until ctx ends, and then takes them all away. Each case comes once before any
// comes again.
func (c *chaos) run(ctx context.Context) {
	cases := append(append(uploadFaults(), awsFaults()...),
		faultCase{"new passcode", (*chaos).changePasscode}, faultCase{"new signing key", (*chaos).changeKeys})
	if c.backEnd != nil {
		cases = append(awsFaults(), c.backEnd.faults()...)
	}
	for ctx.Err() == nil {
		c.random.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		for _, f := range cases {
			if wait(ctx, time.Duration(50+c.random.IntN(300))*time.Millisecond); ctx.Err() != nil {
				break
			}
			c.happened.add(f.name)
			f.inject(c)
		}
	}
	if c.backEnd != nil {
		c.backEnd.fail(nil, 0)
	}
	c.aws.SQS.Inject()
	c.aws.Secrets.Inject()
	c.aws.Dynamo.Inject()
	c.table.LeaveUnprocessed(0)
	for _, account := range []string{parlaAccount, sandboxAccount, sharedAccount} {
		c.restoreAccount(account)
	}
}

// kill kills forwarders and relays at work, and receivers too, at random moments until ctx ends.
func (c *chaos) kill(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		wait(ctx, time.Duration(200+random.IntN(2500))*time.Millisecond)
		if random.IntN(8) == 0 {
			c.receiversKilled++
			oneOf(random, c.receivers...).restart(c.queueURL())
			continue
		}
		pool := c.forwarders
		if c.relays != nil && random.IntN(4) > 0 {
			pool = c.relays
		}
		for ctx.Err() == nil && !pool.kill(random) {
			wait(ctx, 5*time.Millisecond)
		}
	}
}

// uploadFaults are CleverTap's, which end by themselves after some requests or seconds.
func uploadFaults() (all []faultCase) {
	add := func(name string, faults ...ct.Fault) {
		all = append(all, faultCase{name, func(c *chaos) {
			account := oneOf(c.random, "", "", "", parlaAccount, sharedAccount, sandboxAccount)
			for _, f := range faults {
				if f.Account = account; f.Until == 0 {
					f.Until = 3 * time.Second
				}
				c.cleverTap.AddFault(f)
			}
		}})
	}
	add("slow", ct.Fault{Kind: ct.Latency, Wait: 300 * time.Millisecond, Count: 15})
	add("too slow", ct.Fault{Kind: ct.Latency, Wait: 2 * uploadTimeout, Count: 2})
	add("silence", ct.Fault{Kind: ct.Hang, Count: 2})
	add("stored, then silence", ct.Fault{Kind: ct.Hang, Stored: true, Count: 2})
	add("byte by byte", ct.Fault{Kind: ct.Trickle, Wait: 2 * time.Millisecond, Count: 4})
	add("byte by byte, too slow", ct.Fault{Kind: ct.Trickle, Wait: 100 * time.Millisecond, Count: 1})
	add("busy", ct.Fault{Kind: ct.Status, Status: 429, Count: 8})
	add("busy for a second", ct.Fault{Kind: ct.Status, Status: 429, RetryAfter: "1", Count: 4})
	add("busy for an hour", ct.Fault{Kind: ct.Status, Status: 429, RetryAfter: "3600", Count: 3})
	for _, status := range []int{408, 500, 502, 503, 504} {
		body := []string{"json", "html", "empty"}[status%3]
		add(fmt.Sprint("status ", status), ct.Fault{Kind: ct.Status, Status: status, Count: 3, Body: body})
	}
	for _, status := range []int{302, 307, 401, 402, 403, 404, 405} {
		add(fmt.Sprint("status ", status), ct.Fault{Kind: ct.Status, Status: status, Count: 2})
	}
	add("stored, status 503", ct.Fault{Kind: ct.Status, Status: 503, Stored: true, Count: 2})
	add("down", ct.Fault{Kind: ct.Status, Status: 503, Until: 2 * time.Second})
	add("too large", ct.Fault{Kind: ct.Status, Status: 413, Over: 4000, Until: time.Second})
	add("reset before", ct.Fault{Kind: ct.ResetBefore, Count: 4})
	add("reset after", ct.Fault{Kind: ct.ResetAfter, Count: 3})
	add("half an answer", ct.Fault{Kind: ct.Half, Count: 3})
	add("HTML with 200", ct.Fault{Kind: ct.Garbage, Count: 3})
	add("nothing with 200", ct.Fault{Kind: ct.Empty, Count: 3})
	add("endless spaces", ct.Fault{Kind: ct.Huge, Count: 1})
	add("wrong count", ct.Fault{Kind: ct.BadCount, Count: 3})
	add("no count", ct.Fault{Kind: ct.NoCount, Count: 3})
	add("bare failure", ct.Fault{Kind: ct.BareFail, Count: 3})
	add("failure without a list", ct.Fault{Kind: ct.EmptyFail, Count: 3})
	add("refused once", ct.Fault{Kind: ct.Transient, Share: 0.3, Count: 10})
	add("refused for long", ct.Fault{Kind: ct.Transient, Share: 0.3, Times: 5, Count: 10})
	add("refused with HTTP's code", ct.Fault{Kind: ct.Transient, Share: 0.3, Code: 503, Times: 2, Count: 10})
	add("stored, called refused", ct.Fault{Kind: ct.Transient, Share: 0.2, Stored: true, Count: 5})
	for _, kind := range []ct.Kind{ct.NoIndex, ct.NoEcho, ct.NoCode, ct.WrongIndex} {
		add(string(kind), ct.Fault{Kind: kind, Count: 5})
		refused := ct.Fault{Kind: ct.Transient, Share: 0.3, Times: 2, Count: 10}
		add("refused with "+string(kind), refused, ct.Fault{Kind: kind, Count: 8})
	}
	return all
}

// awsFaults are those of AWS. The next one of the same service ends each.
func awsFaults() (all []faultCase) {
	add := func(service string, of func(*chaos) *awstest.Service, operations ...string) {
		for name, f := range map[string]awstest.Fault{
			"throttled": awstest.Throttle, "down": awstest.Down, "broken": awstest.Broken, "reset": awstest.Reset,
			"hanging": awstest.Hang, "slow": {Delay: 300 * time.Millisecond},
			lostAnswers: {Reset: true, AfterEffect: true},
		} {
			all = append(all, faultCase{service + " " + name, func(c *chaos) {
				var faults []awstest.Fault
				for _, operation := range operations {
					f.Operation, f.Times = operation, 2+c.random.IntN(4)
					faults = append(faults, f)
				}
				of(c).Inject(faults...)
			}})
		}
	}
	add("SQS", func(c *chaos) *awstest.Service { return &c.aws.SQS.Service },
		"SendMessage", "ChangeMessageVisibilityBatch", "SendMessageBatch")
	add("Secrets Manager", func(c *chaos) *awstest.Service { return &c.aws.Secrets.Service }, "GetSecretValue")
	add("DynamoDB", func(c *chaos) *awstest.Service { return &c.aws.Dynamo.Service }, "BatchGetItem", "PutItem",
		"BatchWriteItem")
	slices.SortFunc(all, func(a, b faultCase) int { return strings.Compare(a.name, b.name) }) // the seed decides
	return append(all, faultCase{"DynamoDB leaving keys unprocessed", func(c *chaos) { c.table.LeaveUnprocessed(3) }})
}

// lostAnswers is the name of the fault that makes the SDK repeat calls that have taken effect.
const lostAnswers = "lost answers"

// changePasscode changes an account's passcode, and stores it in Secrets Manager a little later.
func (c *chaos) changePasscode() {
	account := oneOf(c.random, parlaAccount, sharedAccount)
	c.newPasscodes++
	passcode := fmt.Sprintf("lantern-changed-%d", c.newPasscodes)
	c.mu.Lock()
	c.passcodes[account] = passcode
	c.mu.Unlock()
	c.cleverTap.AddFault(ct.Fault{Kind: ct.Expire, Account: account, Passcode: passcode, Count: 1})
	wait(context.Background(), 300*time.Millisecond)
	for _, app := range []string{"parla", "duet", "solo"} {
		c.storeAccounts(app)
	}
}

// changeKeys lets Purchasely sign with other keys, once: receivers look for new ones once a minute.
func (c *chaos) changeKeys() {
	if c.newKeys {
		return
	}
	c.newKeys = true
	c.aws.Secrets.Inject()
	for _, app := range []string{"parla", "duet"} {
		c.setSharedSecret(app, "quartz-"+app+"-1")
	}
	wait(context.Background(), 500*time.Millisecond)
}
