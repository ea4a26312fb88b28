package awstest

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
)

var errAnswer = errors.New("answer fails the whole batch")

// verdict reads a function's answer as Lambda does with ReportBatchItemFailures: nothing, null and an empty list are success;
// what cannot be read, and an identifier that is empty, null, misspelt or of no message in the batch, fails all of it (AWS
// Lambda, Reporting batch item failures, November 2026).
func verdict(answer []byte, messages []Received) (failed map[string]bool, err error) {
	answer = bytes.TrimSpace(answer)
	if len(answer) == 0 || string(answer) == "null" {
		return nil, nil
	}
	var response struct {
		Failures []struct {
			ID string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return nil, errAnswer
	}
	known := make(map[string]bool, len(messages))
	for _, m := range messages {
		known[m.ID] = true
	}
	failed = map[string]bool{}
	for _, f := range response.Failures {
		if !known[f.ID] {
			return nil, errAnswer
		}
		failed[f.ID] = true
	}
	return failed, nil
}
