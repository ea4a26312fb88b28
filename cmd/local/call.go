package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-json-experiment/json"
)

// owner is the local account's, who may do everything.
var owner = aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}

// call makes one call of AWS's JSON protocol, signed as AWS wants it.
func (m *ministack) call(ctx context.Context, service, target string, request, response any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	digest := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, owner, r, hex.EncodeToString(digest[:]), service, region, time.Now()); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	text, err := answer(m.client, r)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	return json.Unmarshal(text, response)
}

// get reads one of MiniStack's own pages.
func (m *ministack) get(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.endpoint+path, nil)
	if err != nil {
		return nil, err
	}
	return answer(m.client, r)
}

// answer sends a request and returns the body of a good answer.
func answer(client *http.Client, r *http.Request) ([]byte, error) {
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d: %s", r.URL.Path, response.StatusCode, text)
	}
	return text, nil
}
