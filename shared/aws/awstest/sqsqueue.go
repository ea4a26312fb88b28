package awstest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// queueInput is a call about a queue as a whole.
type queueInput struct {
	QueueURL string   `json:"QueueUrl"`
	Name     string   `json:"QueueName"`
	Prefix   string   `json:"QueueNamePrefix"`
	Names    []string `json:"AttributeNames"`
}

func (s *SQS) attributes(_ context.Context, in *queueInput) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	all, err := q.describe()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(in.Names, "All") {
		maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(in.Names, name) })
	}
	return map[string]any{"Attributes": all}, nil
}

// describe gives the queue's attributes.
func (q *Queue) describe() (map[string]string, error) {
	visible, inFlight, delayed, _ := q.Counts()
	all := map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(inFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(delayed),
		"VisibilityTimeout":                     strconv.Itoa(int(q.config.Visibility.Seconds())),
		"MessageRetentionPeriod":                strconv.Itoa(int(q.config.Retention.Seconds())),
		"MaximumMessageSize":                    strconv.Itoa(maxMessage),
		"DelaySeconds":                          "0",
		"QueueArn":                              q.ARN(),
	}
	if q.FIFO() {
		all["FifoQueue"] = "true"
		all["ContentBasedDeduplication"] = strconv.FormatBool(q.config.ContentDedup)
		all["DeduplicationScope"], all["FifoThroughputLimit"] = "messageGroup", "perMessageGroupId"
		if q.config.QueueDedup {
			all["DeduplicationScope"], all["FifoThroughputLimit"] = "queue", "perQueue"
		}
	}
	if q.config.DeadLetters != nil {
		policy, err := json.Marshal(map[string]any{
			"deadLetterTargetArn": q.config.DeadLetters.ARN(), "maxReceiveCount": q.config.MaxReceiveCount,
		}, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		all["RedrivePolicy"] = string(policy)
	}
	return all, nil
}

func (s *SQS) queueURL(_ context.Context, in *queueInput) (any, error) {
	url := s.server.URL + "/" + Account + "/" + in.Name
	if _, err := s.find(url); err != nil {
		return nil, err
	}
	return map[string]string{"QueueUrl": url}, nil
}

func (s *SQS) list(_ context.Context, in *queueInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	urls := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.queues)) {
		if strings.HasPrefix(name, in.Prefix) {
			urls = append(urls, s.server.URL+"/"+Account+"/"+name)
		}
	}
	return map[string]any{"QueueUrls": urls}, nil
}

func (s *SQS) purge(_ context.Context, in *queueInput) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.Purge()
	return struct{}{}, nil
}
