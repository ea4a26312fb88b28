package settings

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
)

const (
	// waitFor is how long a command waits for a batch under new settings.
	waitFor = 5 * time.Minute
	// lookAgain is the pause between two looks at the log.
	lookAgain = 2 * time.Second
)

// Await waits until the forwarder's log says that a batch was mapped by a version, and returns when that was. Before
// that, some webhook has to come.
func (s *Store) Await(ctx context.Context, v Version) (time.Time, error) {
	within, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	for {
		// The lines about rejected settings name those in force, too; so all are read.
		lines, _, err := s.stack.LogLines(within, s.stack.Log("forwarder"), "settings", v.Name, v.Time, time.Now(), 1000)
		if err != nil {
			return time.Time{}, err
		}
		for _, line := range lines {
			var batch struct {
				Message string    `json:"message"`
				At      time.Time `json:"timestamp"`
			}
			if json.Unmarshal([]byte(line), &batch) == nil && batch.Message == "batch" {
				return batch.At, nil
			}
		}
		select {
		case <-time.After(lookAgain):
		case <-within.Done():
			if ctx.Err() != nil {
				return time.Time{}, cli.ErrInterrupted
			}
			return time.Time{}, cli.Findingf("it is written, and counts for the webhooks that come: 'bridge send' sends one",
				"no batch was mapped by it within %s", waitFor)
		}
	}
}
