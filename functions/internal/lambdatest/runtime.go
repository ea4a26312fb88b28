package lambdatest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// FunctionError is an answer that reports an error.
type FunctionError struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (e *FunctionError) Error() string { return "function error: " + e.Type + ": " + e.Message }

// runtimeAPI serves one process (AWS Lambda, Using the Lambda runtime API, November 2026).
type runtimeAPI struct {
	address string
	server  *http.Server
	next    chan *invocation
	closing chan struct{}

	mu    sync.Mutex
	calls int
	open  map[string]*invocation // by request id
}

// invocation is a call to the process.
type invocation struct {
	payload []byte
	timeout time.Duration // from when the process gets it
	answer  chan answer   // has room for it, so that nobody waits for its reader
}

type answer struct {
	response []byte
	err      error
}

// orElse returns an answer that came at the last moment, else the error.
func (i *invocation) orElse(err error) ([]byte, error) {
	select {
	case a := <-i.answer:
		return a.response, a.err
	default:
		return nil, err
	}
}

// listen starts the API on a port of its own on loopback.
func listen() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Nothing to wait for on loopback.
	if err != nil {
		return nil, fmt.Errorf("runtime api: %w", err)
	}
	a := &runtimeAPI{
		address: listener.Addr().String(),
		next:    make(chan *invocation),
		closing: make(chan struct{}),
		open:    map[string]*invocation{},
	}
	mux := http.NewServeMux()
	const base = "/2018-06-01/runtime/"
	mux.HandleFunc("GET "+base+"invocation/next", a.serveNext)
	mux.HandleFunc("POST "+base+"invocation/{id}/response", a.serveAnswer(func(body []byte) ([]byte, error) {
		return body, nil
	}))
	mux.HandleFunc("POST "+base+"invocation/{id}/error", a.serveAnswer(func(body []byte) ([]byte, error) {
		reported := &FunctionError{}
		if err := json.Unmarshal(body, reported); err != nil {
			return nil, err
		}
		return nil, reported
	}))
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

func (a *runtimeAPI) close() {
	close(a.closing)
	_ = a.server.Close()
}

func (a *runtimeAPI) serveNext(w http.ResponseWriter, r *http.Request) {
	select {
	case call := <-a.next:
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Lambda-Runtime-Aws-Request-Id", a.register(call))
		header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(call.timeout).UnixMilli(), 10))
		header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:000000000000:function:function")
		header.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
		_, _ = w.Write(call.payload)
	case <-r.Context().Done():
	case <-a.closing:
	}
}

// serveAnswer ends a call with what the process has posted.
func (a *runtimeAPI) serveAnswer(read func(body []byte) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		call := a.take(r.PathValue("id"))
		if call == nil || err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		response, err := read(body)
		call.answer <- answer{response, err}
		w.WriteHeader(http.StatusAccepted)
	}
}

// register opens a call and returns its request id.
func (a *runtimeAPI) register(call *invocation) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", a.calls)
	a.open[id] = call
	return id
}

// take returns an open call, once.
func (a *runtimeAPI) take(id string) *invocation {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := a.open[id]
	delete(a.open, id)
	return call
}
