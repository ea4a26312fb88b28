// Package awstest is a fake AWS for tests: queues, secrets, tables, objects, a stack's outputs, metrics, alarms and
// logs, and the event source mapping that carries a queue's messages to a function.
//
// It refuses what AWS refuses (sizes, characters, ids, unsigned calls), it keeps the rules of FIFO queues, visibility
// and dead letters, and its services hang, throttle or fail when a test says so. It does not check that signatures
// are right, knows one account and one Region, and keeps everything in memory.
package awstest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/go-json-experiment/json"
)

// The one Region and account.
const (
	Region  = "eu-west-1"
	Account = "000000000000"
)

// ErrorText begins the text of every error that AWS returns. Nobody may show AWS's own words: tests look for it in
// output.
const ErrorText = "AWS's own words"

// maxRequest is more than any call may carry.
const maxRequest = 16 << 20

// Server is AWS. Its services may be used directly and over HTTP at the same time.
type Server struct {
	URL        string
	SQS        *SQS
	Secrets    *Secrets
	Dynamo     *Dynamo
	Stacks     *Stacks
	S3         *S3
	CloudWatch *CloudWatch
	Logs       *Logs
	STS        *STS

	services map[string]*Service // by the target header, up to its dot
}

// New starts a Server on loopback that ends with the test. now is its clock; nil means time.Now.
func New(t testing.TB, now func() time.Time) *Server {
	s := NewInProcess(now)
	listener := httptest.NewServer(s)
	s.URL = listener.URL
	t.Cleanup(func() {
		listener.CloseClientConnections() // which ends calls that hang
		listener.Close()
	})
	return s
}

// NewInProcess makes a Server that is reached by [Server.Do] only, so that tests may run in virtual time.
func NewInProcess(now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	s := &Server{URL: "http://aws.test"}
	s.SQS, s.Secrets, s.Dynamo, s.Stacks, s.S3 = newSQS(s, now), newSecrets(), newDynamo(), newStacks(), newS3(now)
	s.CloudWatch, s.Logs, s.STS = newCloudWatch(), newLogs(), newSTS()
	s.services = map[string]*Service{
		"AmazonSQS": &s.SQS.Service, "secretsmanager": &s.Secrets.Service, "DynamoDB_20120810": &s.Dynamo.Service,
		"": &s.Stacks.Service, "Logs_20140328": &s.Logs.Service,
	}
	return s
}

// Env is the environment that makes the SDK of another process use the Server.
func (s *Server) Env() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":      s.URL,
		"AWS_REGION":            Region,
		"AWS_ACCESS_KEY_ID":     "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "example",
	}
}

// Config makes the SDK's clients use the Server within the process. They do not repeat calls.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &s.URL, HTTPClient: s, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
	}
}

// Do answers a request of the SDK within the process. A caller that has given up by then loses the answer only.
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
	if r.Body == nil { // as a client may have it, and a server never
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// authorization is the form of a Signature Version 4 header (AWS IAM, Create a signed request, November 2026).
var authorization = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/([a-z0-9-]+)/aws4_request, ?` +
		`SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, ?Signature=[0-9a-f]{64}$`)

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return
	}
	service, call := s.find(r, body)
	if service == nil {
		http.Error(w, `{"__type":"UnknownOperationException"}`, http.StatusBadRequest)
		return
	}
	signed := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if signed == nil || signed[1] != service.scope || r.Header.Get("X-Amz-Date") == "" {
		service.respond(w, nil, &refusal{status: http.StatusForbidden, code: "MissingAuthenticationTokenException"})
		return
	}
	service.serve(w, r, call)
}

// call is one call of an operation.
type call struct {
	name   string
	handle operation // nil: there is no such operation
	body   []byte
}

// find tells which service a request calls, and what. S3's requests have paths. Others have a header that names
// service and operation; CloudFormation's and STS's protocol has none and names the operation in a form, and
// CloudWatch's in the path.
func (s *Server) find(r *http.Request, body []byte) (*Service, call) {
	target, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation, ok := strings.CutPrefix(r.URL.Path, cloudWatchPath); ok {
		c := &s.CloudWatch.Service
		body, err := fromCBOR(body)
		if err != nil {
			return nil, call{}
		}
		return c, call{operation, c.operations[operation], body}
	}
	if target == "" && r.URL.Path != "/" && r.URL.Path != "" {
		return &s.S3.Service, s.S3.call(r, body)
	}
	service := s.services[target]
	if service == nil {
		return nil, call{}
	}
	if target == "" {
		form, _ := url.ParseQuery(string(body))
		name = form.Get("Action")
		if name == callerIdentity {
			service = &s.STS.Service
		}
		body, _ = json.Marshal(map[string]string{"StackName": form.Get("StackName")})
	}
	return service, call{name, service.operations[name], body}
}

// Service is what the services have in common: operations, injected faults, counts.
type Service struct {
	scope      string // of a signature
	errorForm  string // of an error in XML, in the older protocols; empty: errors are JSON
	strict     bool   // refuses parameters that it would ignore
	cbor       bool   // answers in CBOR
	operations map[string]operation

	mu     sync.Mutex
	faults []Fault
	before func(operation string)
	calls  map[string]int
}

// operation answers the JSON of a call with a value to be written as JSON.
type operation func(ctx context.Context, body []byte) (any, error)

// typed makes an operation of a function with typed input, which runs under the service's lock.
func typed[In any](s *Service, handle func(*In) (any, error)) operation {
	return func(_ context.Context, body []byte) (any, error) {
		in := new(In)
		if err := json.Unmarshal(body, in, json.RejectUnknownMembers(s.strict)); err != nil {
			return nil, refuse("SerializationException", err.Error())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return handle(in)
	}
}

// Calls counts the calls of an operation so far, failed ones included; "" counts those of all operations.
func (s *Service) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for name, n := range s.calls {
		if operation == "" || operation == name {
			sum += n
		}
	}
	return sum
}

// Before makes every call run a function first, which may use the Server; nil ends that.
func (s *Service) Before(do func(operation string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = do
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request, c call) {
	s.mu.Lock()
	if s.calls == nil {
		s.calls = make(map[string]int)
	}
	s.calls[c.name]++
	before, fault := s.before, s.nextFault(c.name)
	s.mu.Unlock()
	if before != nil {
		before(c.name)
	}
	if !fault.AfterEffect && !s.happen(fault, w, r) {
		return
	}
	if c.handle == nil {
		s.respond(w, nil, refuse("UnknownOperationException", c.name))
		return
	}
	out, err := c.handle(r.Context(), c.body)
	if !fault.AfterEffect || s.happen(fault, w, r) {
		s.respond(w, out, err)
	}
}

// respond writes an answer, or an error as AWS writes it.
func (s *Service) respond(w http.ResponseWriter, out any, err error) {
	status, code := http.StatusOK, ""
	if refused, ok := errors.AsType[*refusal](err); ok {
		status, code = refused.status, refused.code
		out = map[string]string{"__type": code, "message": ErrorText + ": " + refused.text}
		if refused.query != "" {
			w.Header().Set("X-Amzn-Query-Error", refused.query+";Sender")
		}
	}
	var text []byte
	switch answer := out.(type) {
	case httpAnswer:
		maps.Copy(w.Header(), answer.header)
		status, text = answer.status, answer.body
	case string: // a service that writes its own XML
		text = []byte(answer)
	case cbor.Value:
		text = cbor.Encode(answer)
	default:
		if text, err = json.Marshal(out); err != nil {
			panic(err)
		}
	}
	if s.cbor {
		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	if code != "" && s.cbor {
		text = cbor.Encode(cbor.Map{"__type": cbor.String(code), "message": cbor.String(ErrorText)})
	}
	if code != "" && s.errorForm != "" {
		text = fmt.Appendf(nil, s.errorForm, code, ErrorText)
	}
	if w.Header().Get("Content-Type") == "" {
		form := "application/x-amz-json-1.0"
		if s.errorForm != "" {
			form = "text/xml"
		}
		w.Header().Set("Content-Type", form)
	}
	if s.scope == "dynamodb" { // whose answers the SDK checks, unless told otherwise
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 10))
	}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// refusal is an error of AWS.
type refusal struct {
	status int
	code   string
	query  string // the code in SQS's older protocol, which the SDK prefers
	text   string
}

func (r *refusal) Error() string { return r.code + ": " + r.text }

func refuse(code, text string) error {
	return &refusal{status: http.StatusBadRequest, code: code, text: text}
}

// Fault is an injected fault: what goes wrong with a service's calls.
type Fault struct {
	Operation   string        // which fails; "" means all
	Times       int           // how many calls fail; 0 means all, until other faults are injected
	Delay       time.Duration // before anything else; alone, the call only takes longer
	Hang        bool          // no answer, ever
	Reset       bool          // the connection is cut
	Status      int           // the answer's status, with Code
	Code        string
	AfterEffect bool // only the answer is concerned: the call takes effect
}

// Faults that have a name.
var (
	Hang     = Fault{Hang: true}
	Reset    = Fault{Reset: true}
	Down     = Fault{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable"}
	Broken   = Fault{Status: http.StatusInternalServerError, Code: "InternalFailure"}
	Throttle = Fault{Status: http.StatusBadRequest, Code: "ThrottlingException"}
)

// Inject replaces the faults of a service; without any it works. Of several, the first that fits a call happens to
// it.
func (s *Service) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append([]Fault(nil), faults...)
	for i := range s.faults {
		if s.faults[i].Times == 0 {
			s.faults[i].Times = -1
		}
	}
}

// nextFault is what happens to the next call, which may be nothing; s.mu is held.
func (s *Service) nextFault(operation string) Fault {
	for i := range s.faults {
		f := &s.faults[i]
		if f.Times == 0 || f.Operation != "" && f.Operation != operation {
			continue
		}
		f.Times = max(f.Times-1, -1)
		return *f
	}
	return Fault{}
}

// happen lets a fault happen and reports whether the call goes on.
func (s *Service) happen(f Fault, w http.ResponseWriter, r *http.Request) (goesOn bool) {
	if f == (Fault{}) {
		return true
	}
	var delay <-chan time.Time
	if !f.Hang {
		delay = time.After(f.Delay)
	}
	select {
	case <-delay:
	case <-r.Context().Done():
		return false
	}
	if f.Reset {
		panic(http.ErrAbortHandler)
	}
	if f.Status != 0 {
		s.respond(w, nil, &refusal{status: f.Status, code: f.Code, text: "an injected fault"})
	}
	return f.Status == 0
}
