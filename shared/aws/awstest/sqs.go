package awstest

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// SQS is Amazon SQS.
type SQS struct {
	Service
	server *Server
	now    func() time.Time
	queues map[string]*Queue
}

func newSQS(server *Server, now func() time.Time) *SQS {
	s := &SQS{server: server, now: now, queues: map[string]*Queue{}}
	s.Service = Service{
		target:      "AmazonSQS",
		scope:       "sqs",
		contentType: "application/x-amz-json-1.0",
		operations: map[string]operation{
			"SendMessage":                  typed(s.send),
			"SendMessageBatch":             typed(s.sendBatch),
			"ReceiveMessage":               typed(s.receive),
			"DeleteMessage":                typed(s.delete),
			"DeleteMessageBatch":           typed(s.deleteBatch),
			"ChangeMessageVisibility":      typed(s.changeVisibility),
			"ChangeMessageVisibilityBatch": typed(s.changeVisibilityBatch),
			"GetQueueAttributes":           typed(s.attributes),
			"GetQueueUrl":                  typed(s.queueURL),
			"ListQueues":                   typed(s.list),
			"PurgeQueue":                   typed(s.purge),
		},
	}
	return s
}

// Create creates a queue.
func (s *SQS) Create(config QueueConfig) *Queue {
	q := NewQueue(config, s.now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[config.Name] = q
	return q
}

// QueueURL is the URL of one of the queues.
func (s *SQS) QueueURL(q *Queue) string { return s.server.URL + "/" + Account + "/" + q.Name() }

// find gives the queue of a URL.
func (s *SQS) find(url string) (*Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, name, _ := strings.Cut(url, "/"+Account+"/") // whatever the host
	if q := s.queues[name]; q != nil {
		return q, nil
	}
	return nil, &Refusal{Code: "com.amazonaws.sqs#QueueDoesNotExist", Query: "AWS.SimpleQueueService.NonExistentQueue",
		Message: "The specified queue does not exist."}
}

// sendInput is a SendMessage call, and an entry of a SendMessageBatch call.
type sendInput struct {
	ID              string               `json:"Id"`
	QueueURL        string               `json:"QueueUrl"`
	Body            string               `json:"MessageBody"`
	Attributes      map[string]Attribute `json:"MessageAttributes"`
	GroupID         string               `json:"MessageGroupId"`
	DeduplicationID string               `json:"MessageDeduplicationId"`
	DelaySeconds    int                  `json:"DelaySeconds"`
}

type sendOutput struct {
	ID              string `json:"Id,omitzero"`
	MessageID       string `json:"MessageId"`
	MD5OfBody       string `json:"MD5OfMessageBody"`
	MD5OfAttributes string `json:"MD5OfMessageAttributes,omitzero"`
	Sequence        string `json:"SequenceNumber,omitzero"`
}

func (in *sendInput) send(q *Queue) (*sendOutput, error) {
	m := Message{Body: in.Body, Attributes: in.Attributes, GroupID: in.GroupID, DeduplicationID: in.DeduplicationID}
	sent, err := q.Send(m, time.Duration(in.DelaySeconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return &sendOutput{in.ID, sent.ID, md5OfBody(in.Body), md5OfAttributes(in.Attributes), sent.Sequence}, nil
}

func (s *SQS) send(_ context.Context, in *sendInput) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return in.send(q)
}

type receiveInput struct {
	QueueURL          string `json:"QueueUrl"`
	Limit             *int   `json:"MaxNumberOfMessages"`
	WaitTimeSeconds   int    `json:"WaitTimeSeconds"`
	VisibilityTimeout *int   `json:"VisibilityTimeout"`
}

// receive answers with every attribute, whichever were asked for.
func (s *SQS) receive(ctx context.Context, in *receiveInput) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	limit, visibility := 1, time.Duration(-1)
	if in.Limit != nil {
		limit = *in.Limit
	}
	if in.VisibilityTimeout != nil {
		visibility = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	if limit < 1 || limit > 10 || in.WaitTimeSeconds < 0 || in.WaitTimeSeconds > 20 || visibility > maxVisibility {
		return nil, invalid("Value for parameter MaxNumberOfMessages, WaitTimeSeconds or VisibilityTimeout is invalid.")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(in.WaitTimeSeconds)*time.Second)
	defer cancel()
	received := q.Receive(limit, visibility)
	for len(received) == 0 && ctx.Err() == nil {
		q.wait(ctx)
		received = q.Receive(limit, visibility)
	}
	messages := make([]map[string]any, len(received))
	for i, m := range received {
		messages[i] = map[string]any{
			"MessageId": m.ID, "ReceiptHandle": m.Handle, "Body": m.Body, "MD5OfBody": md5OfBody(m.Body), "Attributes": m.system(),
		}
		if len(m.Attributes) > 0 {
			messages[i]["MessageAttributes"] = m.Attributes
			messages[i]["MD5OfMessageAttributes"] = md5OfAttributes(m.Attributes)
		}
	}
	return map[string]any{"Messages": messages}, nil
}

// system is a message's system attributes.
func (m *Message) system() map[string]string {
	system := map[string]string{
		"ApproximateReceiveCount":          strconv.Itoa(m.Receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.FirstReceived.UnixMilli(), 10),
		"SentTimestamp":                    strconv.FormatInt(m.Sent.UnixMilli(), 10),
		"SenderId":                         "AIDAEXAMPLE",
	}
	for name, value := range map[string]string{
		"MessageGroupId": m.GroupID, "MessageDeduplicationId": m.DeduplicationID, "SequenceNumber": m.Sequence,
		"DeadLetterQueueSourceArn": m.DeadLetterOf,
	} {
		if value != "" {
			system[name] = value
		}
	}
	return system
}

// handleInput is a call about one receipt handle, and an entry of a call about several.
type handleInput struct {
	ID                string `json:"Id"`
	QueueURL          string `json:"QueueUrl"`
	Handle            string `json:"ReceiptHandle"`
	VisibilityTimeout *int   `json:"VisibilityTimeout"`
}

func (in *handleInput) changeVisibility(q *Queue) error {
	if in.VisibilityTimeout == nil {
		return &Refusal{Code: "MissingParameter", Message: "The request must contain the parameter VisibilityTimeout."}
	}
	return q.ChangeVisibility(in.Handle, time.Duration(*in.VisibilityTimeout)*time.Second)
}

func (s *SQS) delete(_ context.Context, in *handleInput) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return struct{}{}, q.Delete(in.Handle)
}

func (s *SQS) changeVisibility(_ context.Context, in *handleInput) (any, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	return struct{}{}, in.changeVisibility(q)
}
