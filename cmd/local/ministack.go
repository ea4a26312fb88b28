package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// home is where everything of a run lies; it is made anew by each.
const home = ".local/run"

// tools is where the Makefile has installed SAM CLI and MiniStack.
const tools = ".tools/venv/bin"

// region is the local AWS's.
const region = "eu-west-1"

// ministack is the local AWS: Lambda, API Gateway, SQS, Secrets Manager, CloudFormation and CloudWatch Logs in one process.
type ministack struct {
	*server
	endpoint string
	client   *http.Client
	trust    []string // environment variables that make AWS's libraries, and Go, trust its certificate
}

// startMinistack starts it in an environment of its own, because its functions inherit all of it. Normally it takes every call as
// the account's owner's. A strict one speaks TLS only, checks signatures, and has functions do no more than their roles allow.
func startMinistack(ctx context.Context, o options) (*ministack, error) {
	if err := free(o.Port, "PORT"); err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Join(home, "ministack"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	m, strict, err := newMinistack(o, folder)
	if err != nil {
		return nil, err
	}
	env := append(strict,
		"PATH="+os.Getenv("PATH"), "HOME="+folder, "TMPDIR="+folder,
		"BIND_HOST=127.0.0.1", "GATEWAY_PORT="+strconv.Itoa(o.Port),
		"MINISTACK_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_ENDPOINT_URL="+m.endpoint, // It hands this to the functions, which would call the real AWS without it.
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=INFO",
		"LAMBDA_EXECUTOR=local",
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", // Both would listen beside the one port, the first on every address.
	)
	m.server, err = startServer("MiniStack", filepath.Join(home, "ministack.log"), env, filepath.Join(tools, "python"), "-m", "ministack")
	if err != nil {
		return nil, err
	}
	return m, m.until(ctx, 30*time.Second, func(ctx context.Context) bool {
		_, err := m.get(ctx, "/_ministack/health")
		return err == nil
	})
}

// newMinistack says how to reach one that is about to start, and what its environment needs for it.
func newMinistack(o options, folder string) (m *ministack, env []string, err error) {
	address := "127.0.0.1:" + strconv.Itoa(o.Port)
	if !o.Strict {
		return &ministack{endpoint: "http://" + address, client: http.DefaultClient}, nil, nil
	}
	c, err := makeCertificate(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	trusting := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}}
	m = &ministack{endpoint: "https://" + address, client: &http.Client{Transport: trusting}, trust: []string{"AWS_CA_BUNDLE=" + c.path, "SSL_CERT_FILE=" + c.path}}
	return m, append(m.trust, "AUTH=true", "USE_SSL=1", "MINISTACK_SSL_CERT="+c.path, "MINISTACK_SSL_KEY="+c.key,
		"AWS_ACCESS_KEY_ID="+owner.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+owner.SecretAccessKey), nil
}

// message is one of a queue, as MiniStack shows it without receiving it.
type message struct {
	Body       string               `json:"Body"`
	Attributes map[string]attribute `json:"MessageAttributes"`
}

type attribute struct {
	Value string `json:"StringValue"`
}

// messages returns what lies on each queue, by the queue's name. A message under way is among them until it is deleted.
func (m *ministack) messages(ctx context.Context) (map[string][]message, error) {
	text, err := m.get(ctx, "/_ministack/sqs/messages")
	if err != nil {
		return nil, err
	}
	var listed struct {
		Accounts map[string]map[string]map[string][]message `json:"messages"`
	}
	if err := json.Unmarshal(text, &listed); err != nil {
		return nil, fmt.Errorf("MiniStack's messages: %w", err)
	}
	queues := map[string][]message{}
	for _, regions := range listed.Accounts {
		for _, urls := range regions {
			for url, messages := range urls {
				queues[url[strings.LastIndexByte(url, '/')+1:]] = messages
			}
		}
	}
	return queues, nil
}

// logs returns the lines of a log group, those that are no JSON left out.
func (m *ministack) logs(ctx context.Context, group string) ([]logLine, error) {
	var lines []logLine
	request := map[string]string{"logGroupName": group}
	for {
		var page struct {
			Events []struct {
				Message string `json:"message"`
			} `json:"events"`
			NextToken string `json:"nextToken"`
		}
		if err := m.call(ctx, "logs", "Logs_20140328.FilterLogEvents", request, &page); err != nil {
			return nil, err
		}
		for _, event := range page.Events {
			var line logLine
			if json.Unmarshal([]byte(event.Message), &line) == nil {
				lines = append(lines, line)
			}
		}
		if page.NextToken == "" || page.NextToken == request["nextToken"] {
			return lines, nil
		}
		request["nextToken"] = page.NextToken
	}
}

// logLine is what the forwarder writes about a message that was not delivered, or a line of its metrics.
type logLine struct {
	EventID string `json:"eventId"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`

	App                string `json:"App"`
	CredentialsRefused int    `json:"CredentialsRefused"`
}
