//go:build soak

package soak_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/functions/internal/lambdatest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// The run's own values: everything that takes minutes in a deployment takes seconds here.
const (
	fifoForwarders     = 3
	standardForwarders = 2
	uploadConcurrency  = 2
	forwarderTimeout   = 4 * time.Second
	visibility         = 8 * time.Second
	uploadTimeout      = 800 * time.Millisecond
	retryDelay         = 20 * time.Millisecond
	breakerPause       = 100 * time.Millisecond
	maxReceives        = 1000
	batchOfStandard    = 200
	receivers          = 2
	secretsPrefix      = "bridge/soak"
)

// The accounts. Two apps share one of them.
const (
	parlaAccount   = "PAR-LA1-2345"
	sandboxAccount = "TEST-PAR-LA1"
	sharedAccount  = "DUE-SOL-7777"
)

func accountOf(app string, to mapping.Destination) string {
	switch {
	case app != "parla":
		return sharedAccount
	case to == mapping.SandboxAccount:
		return sandboxAccount
	default:
		return parlaAccount
	}
}

// stack is the built functions between the stand-ins.
type stack struct {
	*testing.T
	settings                                         settings
	file                                             *integration.File // the forwarder's
	folder                                           string            // of both integration files
	aws                                              *awstest.Server
	fifo, standard, fifoDead, standardDead, rejected *awstest.Queue
	table                                            *awstest.Table
	cleverTap                                        *clevertaptest.Server
	tap                                              *tap
	fleet                                            *fleet
	receivers                                        []*receiver
	keys                                             *keys

	mu        sync.Mutex
	sending   *awstest.Queue // where the receivers send to
	passcodes map[string]string
	planted   []*sent // put on a queue by hand
}

func newStack(t *testing.T, s settings) *stack {
	k := &stack{T: t, settings: s, aws: awstest.New(t, nil)}
	k.writeFiles()
	k.createQueues()
	k.openAccounts()
	k.keys = &keys{current: map[string]string{}}
	for _, app := range []string{"parla", "duet", "solo", "mute", "gone"} {
		k.sign(app, "quartz-"+app+"-0")
		k.entrust(app)
	}
	k.fleet = newFleet(t, fifoForwarders+standardForwarders, forwarderTimeout, k.forwarderEnv)
	binary := lambdatest.Build(t, "functions/receiver")
	for range receivers {
		r := &receiver{T: t, binary: binary}
		r.restart(k.receiverEnv())
		k.receivers = append(k.receivers, r)
	}
	return k
}

func (k *stack) writeFiles() {
	var problems integration.Problems
	if k.file, problems = integration.Load("integrations.yaml", []byte(forwarderFile)); k.file == nil {
		k.Fatal(problems)
	}
	k.folder = k.TempDir()
	for name, text := range map[string]string{"forwarder.yaml": forwarderFile, "receiver.yaml": receiverFile} {
		if err := os.WriteFile(filepath.Join(k.folder, name), []byte(text), 0o600); err != nil {
			k.Fatal(err)
		}
	}
}

func (k *stack) createQueues() {
	create := func(name string, dead *awstest.Queue) *awstest.Queue {
		return k.aws.SQS.Create(awstest.QueueConfig{Name: name, Visibility: visibility, DeadLetters: dead, MaxReceiveCount: maxReceives})
	}
	k.table = k.aws.Dynamo.Create("subscribers", "subscriber")
	k.fifoDead, k.standardDead, k.rejected = create("dead.fifo", nil), create("dead", nil), create("rejected", nil)
	k.fifo, k.standard = create("events.fifo", k.fifoDead), create("events", k.standardDead)
	k.sending = k.fifo
	if k.settings.queue == "standard" {
		k.sending = k.standard
	}
}

// openAccounts starts the stand-in for CleverTap. Some records it refuses from the beginning to the end.
func (k *stack) openAccounts() {
	k.cleverTap = clevertaptest.New(clevertaptest.Config{Seed: k.settings.seed, Digests: true})
	k.passcodes = map[string]string{parlaAccount: "lantern-parla-0", sandboxAccount: "lantern-sandbox-0", sharedAccount: "lantern-shared-0"}
	for account := range k.passcodes {
		k.calm(account)
	}
	k.cleverTap.AddFault(
		clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: poison400, Status: 400},
		clevertaptest.Fault{Kind: clevertaptest.Poison, Marker: poison413, Status: 413},
		clevertaptest.Fault{Kind: clevertaptest.Passing, Marker: mystery, Code: 777, Times: 1 << 30},
	)
	k.tap = newTap(k.T, k.cleverTap)
}

func (k *stack) forwarderEnv(number int) map[string]string {
	return k.env(map[string]string{
		"INTEGRATIONS_FILE":  filepath.Join(k.folder, "forwarder.yaml"),
		"REJECTED_QUEUE_URL": k.aws.SQS.QueueURL(k.rejected),
		"CLEVERTAP_ENDPOINT": k.tap.endpoint(number),
		"UPLOAD_TIMEOUT":     uploadTimeout.String(),
		"UPLOAD_CONCURRENCY": strconv.Itoa(uploadConcurrency),
		"RETRY_DELAY":        retryDelay.String(),
		"BREAKER_PAUSE":      breakerPause.String(),
		"SUBSCRIBERS_TABLE":  k.table.Name,
	})
}

func (k *stack) env(more map[string]string) map[string]string {
	all := k.aws.Env()
	all["SECRETS_PREFIX"] = secretsPrefix
	maps.Copy(all, more)
	return all
}

func (k *stack) receiverEnv() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.env(map[string]string{"INTEGRATIONS_FILE": filepath.Join(k.folder, "receiver.yaml"), "QUEUE_URL": k.aws.SQS.QueueURL(k.sending)})
}

// waiting tells how many messages are on the queues.
func (k *stack) waiting() int {
	n := 0
	for _, q := range []*awstest.Queue{k.fifo, k.standard} {
		c := q.Counts()
		n += c.Visible + c.InFlight
	}
	return n
}

// poll lets the event source mappings of both queues run until ctx ends.
func (k *stack) poll(ctx context.Context) (ended <-chan struct{}) {
	invoke := func(_ context.Context, event []byte) ([]byte, error) { return k.fleet.invoke(event) }
	mappings := []*awstest.Mapping{
		{Queue: k.fifo, Invoke: invoke, BatchSize: 10, Concurrency: fifoForwarders, Timeout: time.Hour},
		{Queue: k.standard, Invoke: invoke, BatchSize: batchOfStandard, Window: 200 * time.Millisecond, Concurrency: standardForwarders, Timeout: time.Hour},
	}
	done := make(chan struct{})
	var all sync.WaitGroup
	for _, m := range mappings {
		all.Go(func() { m.Run(ctx) })
	}
	go func() { all.Wait(); close(done) }()
	return done
}

// switchQueue lets the receivers send to the other queue, one after the other, while webhooks come in and both queues are polled.
func (k *stack) switchQueue() {
	k.mu.Lock()
	k.sending = k.standard
	k.mu.Unlock()
	for _, r := range k.receivers {
		r.restart(k.receiverEnv())
	}
}
