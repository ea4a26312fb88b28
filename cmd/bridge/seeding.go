package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

const (
	// seedsAtOnce is how many users are under way at the same time.
	seedsAtOnce = 16
	// seedAttempts is how often an entry is read, merged and written while forwarders write it.
	seedAttempts = 5
)

// seeding stores an export, each user's purchases at once.
type seeding struct {
	keys       []string // in the order of the file
	statements map[string][]subscriber.ScopedUpdate
	result     seedResult
}

// seedResult is what user seed --json prints.
type seedResult struct {
	Purchases int            `json:"purchases"`
	Active    int            `json:"active"`
	Apps      map[string]int `json:"apps"` // users by app
	Users     int            `json:"users"`
	Stored    int            `json:"stored"`
	Known     int            `json:"known"` // nothing new: stored before, or newer things are
}

func newSeeding(purchases []exportedPurchase) *seeding {
	s := &seeding{statements: make(map[string][]subscriber.ScopedUpdate), result: seedResult{Apps: make(map[string]int)}}
	for _, one := range purchases {
		key := subscriberKey(one.app, one.subscriber)
		if s.statements[key] == nil {
			s.keys = append(s.keys, key)
			s.result.Apps[one.app]++
		}
		s.statements[key] = append(s.statements[key], subscriber.ScopedUpdate{Update: one.claim})
		s.result.Purchases++
		if one.claim.Active {
			s.result.Active++
		}
	}
	s.result.Users = len(s.keys)
	return s
}

// preview says what is going to be stored.
func (s *seeding) preview() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s, %d of them active\n", quantity(s.result.Purchases, "purchase"), quantity(s.result.Users, "user"), s.result.Active)
	for _, app := range slices.Sorted(maps.Keys(s.result.Apps)) {
		fmt.Fprintf(&b, "  %-24s %s\n", app, quantity(s.result.Apps[app], "user"))
	}
	return b.String()
}

// store goes through the users until all are stored, or AWS refuses, or it is told to stop.
func (s *seeding) store(ctx context.Context, table *subscriberTable, limiter *rate.Limiter, bar *progress) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(seedsAtOnce)
	for _, key := range s.keys {
		if limiter.Wait(ctx) != nil {
			break
		}
		group.Go(func() error {
			changed, err := seed(ctx, table, key, s.statements[key])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if changed {
				s.result.Stored++
			} else {
				s.result.Known++
			}
			bar.add(1)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if s.result.Stored+s.result.Known < s.result.Users {
		return errInterrupted
	}
	return nil
}

// seed merges statements into an entry, by the forwarder's own rules.
func seed(ctx context.Context, table *subscriberTable, key string, statements []subscriber.ScopedUpdate) (changed bool, err error) {
	for range seedAttempts {
		stored, err := table.read(ctx, key)
		if err != nil {
			return false, err
		}
		// What cannot be read counts as absent, and what is from the future as old, as they do for the forwarder.
		state, _ := subscriber.Decode(stored.text)
		state.Forget(time.Now().Add(futureAllowed))
		state, _, changed := state.Merge(statements)
		if !changed {
			return false, nil
		}
		if written, err := table.write(ctx, key, stored.text, state.Encode(), time.Now()); written || err != nil {
			return written, err
		}
	}
	return false, findingf("run the same command again", "an entry is being written by forwarders all the time")
}

// report prints what became of the users, and gives the error that the run ends with.
func (s *seeding) report(cmd *cobra.Command, asJSON bool, err error) error {
	left := s.result.Users - s.result.Stored - s.result.Known
	text := fmt.Sprintf("%s stored, %d were known, %d not stored\n", quantity(s.result.Stored, "user"), s.result.Known, left)
	if e := printResult(cmd, asJSON, s.result, text); e != nil {
		return e
	}
	if err != nil {
		return hinted(err, "the same command goes on: what is stored is not stored again")
	}
	return nil
}
