// Package awstest is an AWS endpoint on loopback for tests: queues, secrets, tables, and the mapping that carries a
// queue to a function.
//
// It promises to refuse what AWS refuses (sizes, characters, ids, calls without a signature), FIFO queues with their
// groups, deduplication, visibility and dead letters, and services that hang, throttle or fail when told to. It does
// not check that signatures are right, knows one account and one Region, and keeps everything in memory.
package awstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// The one account and Region.
const (
	Region  = "eu-west-1"
	Account = "000000000000"
)

// maxRequest is more than any call may carry.
const maxRequest = 16 << 20

// Server is the endpoint. Its services may be used directly and over HTTP at the same time.
type Server struct {
	URL     string
	SQS     *SQS
	Secrets *Secrets
	Dynamo  *Dynamo

	services []*Service
	closing  chan struct{}
}

// New starts a Server on loopback that ends with the test. now is its clock; nil stands for time.Now.
func New(t testing.TB, now func() time.Time) *Server {
	s := NewInProcess(now)
	listener := httptest.NewServer(s)
	s.URL = listener.URL
	t.Cleanup(func() {
		close(s.closing)
		listener.Close()
	})
	return s
}

// NewInProcess makes a Server that is reached by [Server.Do] only, so that tests may run in virtual time.
func NewInProcess(now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	s := &Server{URL: "http://aws.test", closing: make(chan struct{})}
	s.SQS = newSQS(s, now)
	s.Secrets = newSecrets(now)
	s.Dynamo = newDynamo()
	s.services = []*Service{&s.SQS.Service, &s.Secrets.Service, &s.Dynamo.Service}
	return s
}

// Config lets the SDK's clients reach the Server within the process. They do not repeat calls.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &s.URL, HTTPClient: s, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
	}
}

// Do answers a request of the SDK within the process.
func (s *Server) Do(r *http.Request) (answer *http.Response, err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler: //nolint:errorlint // It is thrown as it is.
			answer, err = nil, syscall.ECONNRESET
		default:
			panic(p)
		}
	}()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// Env is what points the SDK at the Server.
func (s *Server) Env() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":      s.URL,
		"AWS_REGION":            Region,
		"AWS_ACCESS_KEY_ID":     "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "example",
	}
}

// ServeHTTP answers one call. The target header names service and operation.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	prefix, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	for _, service := range s.services {
		if service.target != prefix {
			continue
		}
		if !authorized(r, service.scope) {
			service.refuse(w, &Refusal{Status: http.StatusForbidden, Code: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"})
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
		if err != nil {
			return
		}
		service.serve(w, r, operation, bytes.TrimSpace(body), s.closing)
		return
	}
	http.Error(w, `{"__type":"UnknownOperationException"}`, http.StatusBadRequest)
}

// authorization is the form of a Signature Version 4 header (AWS IAM, Create a signed request, November 2026).
var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z-]+)/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$`)

// authorized tells whether a request is signed for a service, as far as can be told without the key.
func authorized(r *http.Request, scope string) bool {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	return parts != nil && parts[1] != "" && parts[2] == scope && strings.Contains(parts[3], "host") && r.Header.Get("X-Amz-Date") != ""
}
