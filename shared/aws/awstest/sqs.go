package awstest

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS's own checksum.
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxEntries is how many entries a batch call takes (Amazon SQS message quotas, November 2026).
const maxEntries = 10

type SQS struct {
	Service
	server *Server
	now    func() time.Time
	queues map[string]*Queue
}

func newSQS(server *Server, now func() time.Time) *SQS {
	s := &SQS{server: server, now: now, queues: make(map[string]*Queue)}
	s.scope = "sqs"
	s.operations = map[string]operation{
		"SendMessage":                  typed(&s.Service, s.send),
		"SendMessageBatch":             s.batch(send),
		"ReceiveMessage":               s.receive,
		"DeleteMessageBatch":           s.batch(deleteOne),
		"ChangeMessageVisibilityBatch": s.batch(changeVisibility),
		"GetQueueAttributes":           typed(&s.Service, s.attributes),
	}
	return s
}

func (s *SQS) Create(config QueueConfig) *Queue {
	q := NewQueue(config, s.now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[config.Name] = q
	return q
}

// QueueURL is the URL of one of the queues.
func (s *SQS) QueueURL(q *Queue) string { return s.server.URL + "/" + Account + "/" + q.Name() }

// find returns the queue of a URL, whatever its host; s.mu is held.
func (s *SQS) find(url string) (*Queue, error) {
	_, name, _ := strings.Cut(url, "/"+Account+"/")
	if q := s.queues[name]; q != nil {
		return q, nil
	}
	return nil, &refusal{status: 400, code: "QueueDoesNotExist", query: "AWS.SimpleQueueService.NonExistentQueue"}
}

// queryRefusal is an error that has the same code in SQS's older protocol, behind a prefix.
func queryRefusal(code string) error {
	return &refusal{status: 400, code: code, query: "AWS.SimpleQueueService." + code}
}

// checksum is SQS's checksum of a body; the SDK compares it.
func checksum(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // SQS's own checksum.
	return hex.EncodeToString(sum[:])
}

// entry is an entry of a batch call, or a SendMessage call.
type entry struct {
	ID                string               `json:"Id"`
	Body              string               `json:"MessageBody"`
	Attributes        map[string]Attribute `json:"MessageAttributes"`
	GroupID           string               `json:"MessageGroupId"`
	DeduplicationID   string               `json:"MessageDeduplicationId"`
	Handle            string               `json:"ReceiptHandle"`
	VisibilityTimeout int                  `json:"VisibilityTimeout"`
	QueueURL          string               `json:"QueueUrl"` // of a single call
}

func (e *entry) message() Message {
	return Message{Body: e.Body, Attributes: e.Attributes, GroupID: e.GroupID, DeduplicationID: e.DeduplicationID}
}

func send(q *Queue, e *entry) (any, error) {
	sent, err := q.Send(e.message())
	return map[string]string{
		"Id": e.ID, "MessageId": sent.ID, "MD5OfMessageBody": checksum(e.Body), "SequenceNumber": sent.Sequence,
	}, err
}

func deleteOne(q *Queue, e *entry) (any, error) {
	return map[string]string{"Id": e.ID}, q.Delete(e.Handle)
}

func changeVisibility(q *Queue, e *entry) (any, error) {
	return map[string]string{"Id": e.ID}, q.ChangeVisibility(e.Handle, time.Duration(e.VisibilityTimeout)*time.Second)
}

func (s *SQS) send(in *entry) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return send(q, in)
}

// batch makes an operation that does something to each entry, and answers for each.
func (s *SQS) batch(do func(*Queue, *entry) (any, error)) operation {
	return typed(&s.Service, func(in *struct {
		QueueURL string  `json:"QueueUrl"`
		Entries  []entry `json:"Entries"`
	}) (any, error) {
		q, err := s.find(in.QueueURL)
		if err == nil {
			err = checkEntries(in.Entries)
		}
		if err != nil {
			return nil, err
		}
		out := map[string][]any{"Successful": {}, "Failed": {}}
		for i := range in.Entries {
			result, err := do(q, &in.Entries[i])
			if refused, ok := errors.AsType[*refusal](err); ok {
				out["Failed"] = append(out["Failed"], map[string]any{
					"Id": in.Entries[i].ID, "Code": refused.code, "Message": ErrorText,
					"SenderFault": refused.code != "InternalError",
				})
			} else {
				out["Successful"] = append(out["Successful"], result)
			}
		}
		return out, nil
	})
}

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// checkEntries refuses batches that SQS refuses as a whole.
func checkEntries(entries []entry) error {
	ids, size := make(map[string]bool), 0
	for i := range entries {
		m, id := entries[i].message(), entries[i].ID
		size += m.size()
		if !entryID.MatchString(id) {
			return queryRefusal("InvalidBatchEntryId")
		}
		if ids[id] {
			return queryRefusal("BatchEntryIdsNotDistinct")
		}
		ids[id] = true
	}
	switch {
	case len(entries) == 0:
		return queryRefusal("EmptyBatchRequest")
	case len(entries) > maxEntries:
		return queryRefusal("TooManyEntriesInBatchRequest")
	case size > maxMessage:
		return queryRefusal("BatchRequestTooLong")
	}
	return nil
}

// receive answers with every attribute, whichever were asked for. It waits for the first message without the
// service's lock.
func (s *SQS) receive(ctx context.Context, body []byte) (any, error) {
	in := struct {
		QueueURL          string `json:"QueueUrl"`
		Limit             int    `json:"MaxNumberOfMessages"`
		Wait              int    `json:"WaitTimeSeconds"`
		VisibilityTimeout *int   `json:"VisibilityTimeout"`
	}{Limit: 1}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, refuse("SerializationException", err.Error())
	}
	visibility := time.Duration(-1)
	if in.VisibilityTimeout != nil {
		visibility = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	if in.Limit < 1 || in.Limit > 10 || in.Wait < 0 || in.Wait > 20 || visibility > maxVisibility {
		return nil, refuse("InvalidParameterValue", "MaxNumberOfMessages, WaitTimeSeconds or VisibilityTimeout")
	}
	s.mu.Lock()
	q, err := s.find(in.QueueURL)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Second)
	defer cancel()
	received := q.Receive(in.Limit, visibility)
	for len(received) == 0 && ctx.Err() == nil {
		q.wait(ctx)
		received = q.Receive(in.Limit, visibility)
	}
	messages := make([]map[string]any, len(received))
	for i, m := range received {
		messages[i] = map[string]any{
			"MessageId": m.ID, "ReceiptHandle": m.Handle, "Body": m.Body, "MD5OfBody": checksum(m.Body),
			"Attributes": m.system(), "MessageAttributes": m.Attributes,
		}
	}
	return map[string]any{"Messages": messages}, nil
}

func (s *SQS) attributes(in *struct {
	QueueURL string `json:"QueueUrl"`
}) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	c := q.Counts()
	return map[string]any{"Attributes": map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(c.Visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(c.InFlight),
		"ApproximateNumberOfMessagesDelayed":    "0",
		"QueueArn":                              q.ARN(),
	}}, nil
}
