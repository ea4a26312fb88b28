package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"
)

const region = "eu-west-1" // of the local AWS

// root may do everything in the local AWS.
var root = aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}

// ministack is the local AWS: Lambda, API Gateway, SQS, Secrets Manager, CloudFormation and CloudWatch Logs in one
// process.
type ministack struct {
	endpoint string
	client   *http.Client
	trust    []string // environment variables that make AWS's libraries, and Go, trust its certificate and the back end
}

// startMinistack starts it with few environment variables, because its functions inherit all of them. They trust the
// back end, if there is one. A strict one takes TLS only, checks signatures, and lets functions do no more than their
// roles allow; others take every call as root's.
func (s *stack) startMinistack(ctx context.Context) error {
	folder, err := filepath.Abs(filepath.Join(runFolder, "ministack"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	port := strconv.Itoa(s.options.Port)
	m := &ministack{endpoint: "http://127.0.0.1:" + port, client: s.authority.client}
	s.aws = m
	if s.backEnd != nil {
		m.trust = append(m.trust, "SSL_CERT_FILE="+s.authority.file)
	}
	var env []string
	if s.options.strict {
		m.endpoint = "https://127.0.0.1:" + port
		m.trust = append(m.trust, "AWS_CA_BUNDLE="+s.authority.file)
		env = append(env, "AUTH=true", "USE_SSL=1",
			"MINISTACK_SSL_CERT="+s.authority.file, "MINISTACK_SSL_KEY="+s.authority.key,
			"AWS_ACCESS_KEY_ID="+root.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+root.SecretAccessKey)
	}
	env = slices.Concat(env, m.trust, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + folder,
		"BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + port,
		"MINISTACK_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ENDPOINT_URL=" + m.endpoint, // Functions get it too; without it they would call the real AWS.
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=INFO",
		"LAMBDA_EXECUTOR=local",
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", // Both would listen beside the one port, the first on every address.
	})
	return s.start(ctx, "ministack", env, func(ctx context.Context) bool { return m.page(ctx, "health", nil) == nil },
		filepath.Join(tools, "python"), "-m", "ministack")
}

// call makes one call of AWS's JSON protocol.
func (m *ministack) call(ctx context.Context, service, target string, request, response any) error {
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}
	if err := m.send(ctx, service, http.MethodPost, "", header, request, response); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	return nil
}

// send makes a request of root's with a value as JSON, unless that is nil, and reads the answer into another one.
func (m *ministack) send(
	ctx context.Context, service, method, path string, header http.Header, request, response any,
) (err error) {
	var body []byte
	if request != nil {
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, m.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if header != nil {
		r.Header = header
	}
	digest := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(ctx, root, r, hex.EncodeToString(digest[:]), service, region, time.Now())
	if err != nil {
		return err
	}
	return exchange(m.client, r, response)
}

// page reads one of MiniStack's own pages.
func (m *ministack) page(ctx context.Context, name string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.endpoint+"/_ministack/"+name, nil)
	if err != nil {
		return err
	}
	return exchange(m.client, r, into)
}

// message is one of a queue, as MiniStack shows it without receiving it.
type message struct {
	Body       string               `json:"Body"`
	Attributes map[string]attribute `json:"MessageAttributes"`
}

type attribute struct {
	Type  string `json:"DataType"`
	Value string `json:"StringValue"`
}

// messages returns what lies on each queue, by the queue's name. A message under way is among them until it is
// deleted.
func (m *ministack) messages(ctx context.Context) (map[string][]message, error) {
	var listed struct {
		Accounts map[string]map[string]map[string][]message `json:"messages"` // by account, region and URL
	}
	if err := m.page(ctx, "sqs/messages", &listed); err != nil {
		return nil, err
	}
	queues := map[string][]message{}
	for _, regions := range listed.Accounts {
		for _, urls := range regions {
			for url, messages := range urls {
				queues[path.Base(url)] = messages
			}
		}
	}
	return queues, nil
}

// logLine is what the forwarder writes about a message that was not delivered, or a line of its metrics.
type logLine struct {
	MessageID string `json:"messageId"`
	EventID   string `json:"eventId"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`

	App                string `json:"App"`
	CredentialsRefused int    `json:"CredentialsRefused"`
	HeartbeatOk        int    `json:"HeartbeatOk"`
}

// forwarderLog returns the lines of the forwarder's log that are JSON.
func (m *ministack) forwarderLog(ctx context.Context) (lines []logLine, err error) {
	events, err := m.log(ctx, "forwarder", time.Time{})
	for _, event := range events {
		var line logLine
		if json.Unmarshal([]byte(event.Message), &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines, err
}

// logEvent is a line of a function's log.
type logEvent struct {
	Stream    string `json:"logStreamName"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// log returns the lines of a function's log since a time.
func (m *ministack) log(ctx context.Context, function string, since time.Time) (events []logEvent, err error) {
	request := map[string]any{
		"logGroupName": "/aws/lambda/" + stackName + "-" + function, "startTime": max(0, since.UnixMilli()),
	}
	for {
		var page struct {
			Events    []logEvent `json:"events"`
			NextToken string     `json:"nextToken"`
		}
		if err := m.call(ctx, "logs", "Logs_20140328.FilterLogEvents", request, &page); err != nil {
			return nil, err
		}
		events = append(events, page.Events...)
		if page.NextToken == "" || page.NextToken == request["nextToken"] {
			return events, nil
		}
		request["nextToken"] = page.NextToken
	}
}
