package awstest

import (
	"context"
	"errors"
	"regexp"
)

// maxEntries is how many entries a batch call takes (Amazon SQS message quotas, November 2026).
const maxEntries = 10

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

type sendBatchInput struct {
	QueueURL string      `json:"QueueUrl"`
	Entries  []sendInput `json:"Entries"`
}

type handleBatchInput struct {
	QueueURL string        `json:"QueueUrl"`
	Entries  []handleInput `json:"Entries"`
}

// batchOutput has a result for each entry.
type batchOutput struct {
	Successful []any        `json:"Successful"`
	Failed     []failedItem `json:"Failed"`
}

type failedItem struct {
	ID          string `json:"Id"`
	Code        string `json:"Code"`
	Message     string `json:"Message"`
	SenderFault bool   `json:"SenderFault"`
}

// add notes the result of an entry.
func (out *batchOutput) add(id string, result any, err error) {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		out.Failed = append(out.Failed, failedItem{id, refusal.Code, refusal.Message, true})
		return
	}
	out.Successful = append(out.Successful, result)
}

func (s *SQS) sendBatch(_ context.Context, in *sendBatchInput) (any, error) {
	ids, total := make([]string, len(in.Entries)), 0
	for i, e := range in.Entries {
		ids[i] = e.ID
		total += size(e.Body, e.Attributes)
	}
	if err := checkEntries(ids); err != nil {
		return nil, err
	}
	if total > maxMessage {
		return nil, &Refusal{Code: "BatchRequestTooLong", Query: "AWS.SimpleQueueService.BatchRequestTooLong",
			Message: "Batch requests cannot be longer than 1048576 bytes."}
	}
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	out := &batchOutput{}
	for i := range in.Entries {
		result, err := in.Entries[i].send(q)
		out.add(ids[i], result, err)
	}
	return out, nil
}

func (s *SQS) deleteBatch(_ context.Context, in *handleBatchInput) (any, error) {
	return s.each(in, func(q *Queue, e *handleInput) error { return q.Delete(e.Handle) })
}

func (s *SQS) changeVisibilityBatch(_ context.Context, in *handleBatchInput) (any, error) {
	return s.each(in, func(q *Queue, e *handleInput) error { return e.changeVisibility(q) })
}

// each does something to each entry's message.
func (s *SQS) each(in *handleBatchInput, do func(*Queue, *handleInput) error) (any, error) {
	ids := make([]string, len(in.Entries))
	for i, e := range in.Entries {
		ids[i] = e.ID
	}
	if err := checkEntries(ids); err != nil {
		return nil, err
	}
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	out := &batchOutput{}
	for i := range in.Entries {
		out.add(ids[i], map[string]string{"Id": ids[i]}, do(q, &in.Entries[i]))
	}
	return out, nil
}

// checkEntries refuses what SQS refuses in the ids of a batch.
func checkEntries(ids []string) error {
	const query = "AWS.SimpleQueueService."
	seen := map[string]bool{}
	for _, id := range ids {
		if !entryID.MatchString(id) {
			return &Refusal{Code: "InvalidBatchEntryId", Query: query + "InvalidBatchEntryId", Message: "An entry id is not legal."}
		}
		if seen[id] {
			return &Refusal{Code: "BatchEntryIdsNotDistinct", Query: query + "BatchEntryIdsNotDistinct", Message: "Two entries have one id."}
		}
		seen[id] = true
	}
	switch {
	case len(ids) == 0:
		return &Refusal{Code: "EmptyBatchRequest", Query: query + "EmptyBatchRequest", Message: "There should be at least one entry."}
	case len(ids) > maxEntries:
		return &Refusal{Code: "TooManyEntriesInBatchRequest", Query: query + "TooManyEntriesInBatchRequest", Message: "More than ten entries."}
	}
	return nil
}
