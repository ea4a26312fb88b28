package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// batch is an event of events/ for the forwarder, and what has to become of its messages.
type batch struct {
	name, file string
	want       batchOutcome
}

// batchOutcome is the file beside a batch. Uploads are compared without the order of their records.
type batchOutcome struct {
	Answer   rawJSON          `json:"batchItemFailures"`
	Outcomes []messageOutcome `json:"outcomes"`
	Uploads  []batchUpload    `json:"uploads"`
}

type messageOutcome struct {
	ID      string `json:"messageId"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

type batchUpload struct {
	Account string    `json:"account"`
	Records []rawJSON `json:"records"`
}

// loadBatches reads all forwarder fixtures of a folder.
func loadBatches(folder string) ([]batch, error) {
	files, err := filepath.Glob(filepath.Join(folder, "forwarder-*.want.json"))
	var batches []batch
	for _, file := range files {
		base := strings.TrimSuffix(file, ".want.json")
		b := batch{name: filepath.Base(base), file: base + ".json"}
		text, err := os.ReadFile(filepath.Clean(file))
		if err == nil {
			err = json.Unmarshal(text, &b.want)
		}
		if err != nil {
			return nil, fmt.Errorf("fixture %s: %w", file, err)
		}
		for _, u := range b.want.Uploads {
			slices.Sort(u.Records)
		}
		batches = append(batches, b)
	}
	return batches, err
}

// invokeAll gives every batch to the forwarder in its container, shows what became of it, and returns how many are
// wrong.
func invokeAll(ctx context.Context, s *stack, batches []batch, screen *screen) (failed int, err error) {
	for _, b := range batches {
		got, err := s.invoke(ctx, b)
		if err != nil {
			return failed, err
		}
		difference := cmp.Diff(b.want, got)
		screen.result(b.name, got.text(), difference == "")
		if difference != "" {
			failed++
			screen.block(red, "- wanted, + got\n"+difference)
		}
	}
	return failed, nil
}

// text counts a batch's messages by what became of them.
func (b batchOutcome) text() string {
	counts := map[string]int{}
	var order []string
	for _, m := range b.Outcomes {
		what := strings.TrimSuffix(m.Outcome+": "+m.Reason, ": ")
		if counts[what]++; counts[what] == 1 {
			order = append(order, what)
		}
	}
	for i, what := range order {
		order[i] = fmt.Sprintf("%d %s", counts[what], what)
	}
	return fmt.Sprintf("%d messages → %s", len(b.Outcomes), strings.Join(order, ", "))
}

// invoke gives a batch to the forwarder. A message of which the log says nothing was delivered.
func (s *stack) invoke(ctx context.Context, b batch) (got batchOutcome, err error) {
	before, err := s.clevertap.records(ctx)
	if err != nil {
		return got, err
	}
	text, lines, err := s.docker.invoke(ctx, "Forwarder", b.file)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		return got, fmt.Errorf("%s: %w", b.name, err)
	}
	for _, m := range b.want.Outcomes {
		end := messageOutcome{m.ID, "delivered", ""}
		for _, line := range lines {
			if line.MessageID == m.ID && line.Outcome != "" {
				end.Outcome, end.Reason = line.Outcome, line.Reason
			}
		}
		got.Outcomes = append(got.Outcomes, end)
	}
	after, err := s.clevertap.records(ctx)
	for _, u := range b.want.Uploads {
		upload := batchUpload{Account: u.Account}
		for _, r := range after[len(before):] {
			if r.account() == u.Account {
				upload.Records = append(upload.Records, r.Raw)
			}
		}
		slices.Sort(upload.Records)
		got.Uploads = append(got.Uploads, upload)
	}
	return got, err
}
