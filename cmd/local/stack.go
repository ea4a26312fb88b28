package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
)

// The demo app's shared secret and accounts. They are plainly a demo and open nothing.
const (
	sharedSecret      = "demo-secret-not-for-production"
	productionAccount = "DEMO-PRODUCTION"
	sandboxAccount    = "DEMO-SANDBOX"
	demoPasscode      = "demo-passcode-not-for-production"
)

// stack is everything that runs.
type stack struct {
	options   options
	aws       *ministack
	clevertap *standIn // nil when the real one is asked
	url       string   // of the API, up to the path
	outputs   map[string]string
	shell     *shell
}

// bringUp starts, builds and deploys everything. What it has started is in the returned stack also when it fails.
func bringUp(ctx context.Context, o options, screen *screen) (*stack, error) {
	s := &stack{options: o}
	if err := os.RemoveAll(home); err != nil {
		return s, err
	}
	endpoint := ""
	type step struct {
		name string
		do   func() error
	}
	steps := []step{
		{"starting MiniStack, a local AWS", func() (err error) {
			s.aws, err = startMinistack(ctx, o)
			return err
		}},
		{"starting the stand-in for CleverTap", func() (err error) {
			if o.Live.on {
				return nil
			}
			s.clevertap, err = startStandIn(ctx, o.StandInPort)
			if err == nil {
				endpoint = s.clevertap.endpoint + "/{host}"
			}
			return err
		}},
		{"building the functions with sam build", func() error { return samBuild(ctx, o) }},
		{"deploying template.yaml with sam deploy, QueueType " + o.Queue, func() error { return samDeploy(ctx, o, s.aws, endpoint) }},
		{"routing the API", func() error {
			d, err := makeRoutes(ctx, s.aws)
			// An empty stage stands for $default, and keeps the dollar sign away from shells.
			s.url, s.outputs = s.aws.endpoint+"/_aws/execute-api/"+d.APIs["Api"]+"/", d.Outputs
			return err
		}},
		{"creating the demo app's secrets with bridge app add", func() error { return s.createSecrets(ctx) }},
	}
	if o.Strict {
		steps = append(steps, step{"completing the roles for SQS's batch calls", func() error { return completeRoles(ctx, s.aws) }})
	}
	for _, step := range steps {
		if err := screen.step(step.name, step.do); err != nil {
			return s, err
		}
	}
	return s, nil
}

// createSecrets stores what an operator would, and as an operator would: the secret that Purchasely signs with, and CleverTap's credentials.
func (s *stack) createSecrets(ctx context.Context) (err error) {
	credentials := map[string]any{
		"region": "eu1", "account_id": productionAccount, "passcode": demoPasscode,
		"sandbox": map[string]any{"region": "in1", "account_id": sandboxAccount, "passcode": demoPasscode},
	}
	if live := s.options.Live; live.on {
		credentials = map[string]any{"region": live.region, "account_id": live.accountID, "passcode": live.passcode}
	}
	text, err := json.Marshal(map[string]any{"purchasely": map[string]string{"shared_secret": sharedSecret}, "clevertap": credentials})
	if err != nil {
		return err
	}
	if s.shell, err = newShell(s); err != nil {
		return err
	}
	shown, exit, err := s.shell.types(ctx, "bridge app add --stack purchasely-clevertap demo", string(text))
	if err == nil && exit != 0 {
		err = fmt.Errorf("bridge app add ends with exit code %d:\n%s", exit, shown)
	}
	return err
}

// queue is the name of one of the stack's queues, by the output that holds its URL.
func (s *stack) queue(output string) string { return filepath.Base(s.outputs[output]) }

// stop ends everything, the sender before the receiver of what is sent.
func (s *stack) stop() {
	if s.aws != nil {
		s.aws.stop()
	}
	if s.clevertap != nil {
		s.clevertap.stop()
	}
}

// sinceStart is a time as people read it.
func sinceStart(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
