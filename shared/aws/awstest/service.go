package awstest

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
)

// Service is one AWS service behind the endpoint: its operations, its troubles, its counts.
type Service struct {
	target      string // before the dot in the target header
	scope       string // in the signature
	contentType string
	operations  map[string]operation

	mu      sync.Mutex
	trouble []Trouble
	calls   map[string]int
}

// operation answers the JSON of a call with a value to be written as JSON.
type operation func(ctx context.Context, body []byte) (any, error)

// typed makes an operation of a function with typed input.
func typed[In any](handle func(ctx context.Context, in *In) (any, error)) operation {
	return func(ctx context.Context, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, &Refusal{Code: "SerializationException", Message: err.Error()}
		}
		return handle(ctx, in)
	}
}

// Refusal is an error as AWS answers it.
type Refusal struct {
	Status  int // 0 stands for 400
	Code    string
	Query   string // the code that SQS has in its older protocol, where it differs
	Message string
}

// Error shows code and message.
func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Calls counts the calls of an operation so far, those that went wrong included; "" counts them all.
func (s *Service) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if operation != "" {
		return s.calls[operation]
	}
	sum := 0
	for _, n := range s.calls {
		sum += n
	}
	return sum
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, name string, body []byte, closing <-chan struct{}) {
	s.mu.Lock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[name]++
	trouble := s.due(name)
	s.mu.Unlock()

	if trouble != nil && !trouble.AfterEffect && !trouble.happen(s, w, r, closing) {
		return
	}
	handle, ok := s.operations[name]
	if !ok {
		s.refuse(w, &Refusal{Code: "UnknownOperationException", Message: "no such operation: " + name})
		return
	}
	out, err := handle(r.Context(), body)
	if trouble != nil && trouble.AfterEffect && !trouble.happen(s, w, r, closing) {
		return
	}
	if err != nil {
		s.refuse(w, err)
		return
	}
	text, err := json.Marshal(out)
	if err != nil {
		s.refuse(w, &Refusal{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()})
		return
	}
	w.Header().Set("Content-Type", s.contentType)
	_, _ = w.Write(text)
}

// refuse answers an error in the JSON protocol.
func (s *Service) refuse(w http.ResponseWriter, err error) {
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		refusal = &Refusal{Status: http.StatusInternalServerError, Code: "InternalFailure", Message: err.Error()}
	}
	if refusal.Status == 0 {
		refusal.Status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", s.contentType)
	if refusal.Query != "" {
		w.Header().Set("X-Amzn-Query-Error", refusal.Query+";Sender")
	}
	w.WriteHeader(refusal.Status)
	text, _ := json.Marshal(map[string]string{"__type": refusal.Code, "message": refusal.Message})
	_, _ = w.Write(text)
}
