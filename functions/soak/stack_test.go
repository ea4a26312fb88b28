//go:build soak

package soak_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/secret"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// The run's own values: what takes minutes in a deployment takes seconds here.
const (
	receivers          = 2
	fifoForwarders     = 3
	standardForwarders = 2
	relays             = 2
	uploadConcurrency  = 2
	forwarderTimeout   = 4 * time.Second
	relayTimeout       = 7 * time.Second
	visibility         = 8 * time.Second
	uploadTimeout      = 800 * time.Millisecond
	retryDelay         = 20 * time.Millisecond
	breakerPause       = 100 * time.Millisecond
	maxReceives        = 1000
	standardBatch      = 200
	secretsPrefix      = "bridge/soak"
)

// The integration files. The receiver knows an app that the forwarder does not: it was removed while webhooks were
// under way.
const (
	forwarderFile = `apps:
  parla:
    revenue: {charged: true}
    relay: {url: "http://127.0.0.1/hook", timeout: 1s}  # of the back end of the run, if it has one
  duet:
    anonymous: skip
    sandbox: skip
    server_events: {events: {ACTIVATE: {send: false}, DEACTIVATE: {send: false}}}
  solo:
    anonymous: object_id
    sandbox: send
  mute:
    enabled: false
`
	receiverFile = forwarderFile + "  gone: {}\n"
)

// The accounts. All apps but parla share one of them.
const (
	parlaAccount   = "PAR-LA1-2345"
	sandboxAccount = "TEST-PAR-LA1"
	sharedAccount  = "DUE-SOL-7777"
)

// stack is the built functions between the fakes.
type stack struct {
	*testing.T
	options
	file                                             *integration.File // the forwarder's
	folder                                           string            // of both integration files
	aws                                              *awstest.Server
	fifo, standard, fifoDead, standardDead, rejected *awstest.Queue
	relay, relayDead                                 *awstest.Queue
	table                                            *awstest.Table
	cleverTap                                        *clevertaptest.Server
	recorder                                         *recorder
	receivers                                        []*receiver
	forwarders                                       *pool
	relays                                           *pool    // nil without a back end
	backEnd                                          *backEnd // nil for most runs

	mu        sync.Mutex
	events    *awstest.Queue          // where the receivers send to
	passcodes map[string]string       // by account
	keys      map[string]secret.Value // what Purchasely signs with, by app
}

func newStack(t *testing.T, s options) *stack {
	k := &stack{T: t, options: s, aws: awstest.New(t, nil), folder: t.TempDir(), keys: map[string]secret.Value{}}
	if s.relay {
		k.backEnd = newBackEnd(t)
	}
	k.writeFiles()
	k.createQueues()
	k.createAccounts()
	for _, app := range []string{"parla", "duet", "solo", "mute", "gone"} {
		k.setSharedSecret(app, "quartz-"+app+"-0")
		k.storeAccounts(app)
	}
	k.forwarders = newPool(t, "forwarder", fifoForwarders+standardForwarders, forwarderTimeout, k.forwarderEnv)
	if s.relay {
		k.relays = newPool(t, "relay", relays, relayTimeout, k.relayEnv)
	}
	binary := lambdatest.Build(t, "functions/receiver")
	for range receivers {
		function := lambdatest.Start(t, binary, k.receiverEnv())
		k.receivers = append(k.receivers, &receiver{T: t, function: function})
	}
	return k
}

func (k *stack) writeFiles() {
	var problems integration.Problems
	if k.file, problems = integration.Load("integrations.yaml", []byte(forwarderFile)); k.file == nil {
		k.Fatal(problems)
	}
	for name, text := range map[string]string{"forwarder.yaml": forwarderFile, "receiver.yaml": receiverFile} {
		if k.backEnd != nil {
			text = strings.Replace(text, "http://127.0.0.1", k.backEnd.URL, 1)
		}
		if err := os.WriteFile(filepath.Join(k.folder, name), []byte(text), 0o600); err != nil {
			k.Fatal(err)
		}
	}
}

func (k *stack) createQueues() {
	create := func(name string, dead *awstest.Queue) *awstest.Queue {
		return k.aws.SQS.Create(awstest.QueueConfig{
			Name: name, Visibility: visibility, DeadLetters: dead, MaxReceiveCount: maxReceives,
		})
	}
	k.table = k.aws.Dynamo.Create("subscribers", subscriber.PartitionAttribute, subscriber.SortAttribute)
	k.fifoDead, k.standardDead, k.rejected = create("dead.fifo", nil), create("dead", nil), create("rejected", nil)
	k.fifo, k.standard = create("events.fifo", k.fifoDead), create("events", k.standardDead)
	k.relayDead = create("relay-dead.fifo", nil)
	k.relay = create("relay.fifo", k.relayDead)
	k.events = k.fifo
	if k.queue == "standard" {
		k.events = k.standard
	}
}

// createAccounts starts the fake CleverTap. Some records it refuses from the beginning to the end.
func (k *stack) createAccounts() {
	k.cleverTap = clevertaptest.New(clevertaptest.Config{Seed: k.seed})
	k.passcodes = map[string]string{
		parlaAccount: "lantern-parla-0", sandboxAccount: "lantern-sandbox-0", sharedAccount: "lantern-shared-0",
	}
	for account := range k.passcodes {
		k.restoreAccount(account)
	}
	k.cleverTap.AddFault(
		clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: marker400, Status: 400},
		clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: marker413, Status: 413},
		clevertaptest.Fault{Kind: clevertaptest.Transient, Marker: marker777, Code: 777, Times: 1 << 30},
	)
	k.recorder = newRecorder(k.T, k.cleverTap)
}

// restoreAccount gives an account its own limits and the passcode that counts.
func (k *stack) restoreAccount(account string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cleverTap.SetAccount(clevertaptest.Account{
		ID: account, Region: map[string]string{sharedAccount: "in1"}[account],
		Passcodes: []string{k.passcodes[account]}, Discarded: []string{discardedEvent},
	})
}

// storeAccounts stores an app's CleverTap accounts with the passcodes that count.
func (k *stack) storeAccounts(app string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	account := func(region, id string) string {
		return fmt.Sprintf(`"region":%q,"account_id":%q,"passcode":%q`, region, id, k.passcodes[id])
	}
	text := "{" + account("in1", sharedAccount) + "}"
	if app == "parla" {
		text = "{" + account("eu1", parlaAccount) + `,"sandbox":{` + account("eu", sandboxAccount) + "}}"
	}
	k.aws.Secrets.Put(secretsPrefix+"/"+app+"/clevertap", text)
}

// setSharedSecret makes Purchasely sign an app's webhooks with another key. The one before counts as well.
func (k *stack) setSharedSecret(app, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := fmt.Sprintf(`{"shared_secret":%q,"previous_shared_secret":%q}`, key, k.keys[app].Reveal())
	k.aws.Secrets.Put(secretsPrefix+"/"+app+"/purchasely", text)
	k.keys[app] = secret.New(key)
}

// sign signs a webhook as Purchasely does now.
func (k *stack) sign(app, timestamp, body string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return webhook.Sign(k.keys[app], timestamp, []byte(body))
}

func (k *stack) forwarderEnv(number int) map[string]string {
	return k.env(map[string]string{
		"INTEGRATIONS_FILE":  filepath.Join(k.folder, "forwarder.yaml"),
		"REJECTED_QUEUE_URL": k.aws.SQS.QueueURL(k.rejected),
		"CLEVERTAP_ENDPOINT": k.recorder.endpoint(number),
		"UPLOAD_TIMEOUT":     uploadTimeout.String(),
		"UPLOAD_CONCURRENCY": strconv.Itoa(uploadConcurrency),
		"RETRY_DELAY":        retryDelay.String(),
		"BREAKER_PAUSE":      breakerPause.String(),
		"SUBSCRIBERS_TABLE":  k.table.Name,
	})
}

func (k *stack) receiverEnv() map[string]string {
	env := k.env(map[string]string{
		"INTEGRATIONS_FILE": filepath.Join(k.folder, "receiver.yaml"), "QUEUE_URL": k.queueURL(),
	})
	if k.relays != nil {
		env["RELAY_QUEUE_URL"] = k.aws.SQS.QueueURL(k.relay)
	}
	return env
}

// queueURL is where the receivers send to.
func (k *stack) queueURL() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.aws.SQS.QueueURL(k.events)
}

func (k *stack) relayEnv(int) map[string]string {
	return k.env(map[string]string{
		"INTEGRATIONS_FILE": filepath.Join(k.folder, "forwarder.yaml"), "RELAY_ALLOW_PRIVATE": "true",
		"RETRY_DELAY": retryDelay.String(), "BREAKER_PAUSE": breakerPause.String(),
	})
}

func (k *stack) env(more map[string]string) map[string]string {
	all := k.aws.Env()
	all["SECRETS_PREFIX"] = secretsPrefix
	maps.Copy(all, more)
	return all
}

// waiting is how many messages are on the queues, the relay's too.
func (k *stack) waiting() (messages int) {
	for _, q := range []*awstest.Queue{k.fifo, k.standard, k.relay} {
		c := q.Counts()
		messages += c.Visible + c.InFlight
	}
	return messages
}

// poll lets the event source mappings of the queues run until ctx ends.
func (k *stack) poll(ctx context.Context) (ended <-chan struct{}) {
	mappings := []*awstest.Mapping{
		{Queue: k.fifo, Invoke: k.forwarders.invoke, BatchSize: 10, Concurrency: fifoForwarders},
		{
			Queue: k.standard, Invoke: k.forwarders.invoke, BatchSize: standardBatch, Window: 200 * time.Millisecond,
			Concurrency: standardForwarders,
		},
	}
	if k.relays != nil {
		relay := &awstest.Mapping{Queue: k.relay, Invoke: k.relays.invoke, BatchSize: 10, Concurrency: relays}
		mappings = append(mappings, relay)
	}
	var all sync.WaitGroup
	for _, m := range mappings {
		m.Timeout = time.Hour // the pools end an invocation
		all.Go(func() { m.Run(ctx) })
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	return done
}

// processes are all processes of the run so far.
func (k *stack) processes() (all []*lambdatest.Function) {
	for _, r := range k.receivers {
		all = append(all, r.function)
	}
	for _, p := range []*pool{k.forwarders, k.relays} {
		if p == nil {
			continue
		}
		for _, f := range p.all {
			all = append(all, f.Function)
		}
	}
	return all
}

// switchQueue lets the receivers send to the standard queue, one after the other, while webhooks come in and both
// queues are polled.
func (k *stack) switchQueue() {
	k.mu.Lock()
	k.events = k.standard
	k.mu.Unlock()
	for _, r := range k.receivers {
		r.restart(k.queueURL())
	}
}
