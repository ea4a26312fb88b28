package main

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// Conventions about an address that issues credentials (AWS SDKs and Tools Reference Guide, container credential provider, November
// 2026): the host that a bare path belongs to, and how long before they expire credentials are fetched anew.
const (
	containerHost = "http://169.254.170.2"
	expiryWindow  = 5 * time.Minute
)

// issuers may be asked without encryption, as this host itself may (the same page).
var issuers = []string{"localhost", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"}

var errCredentials = errors.New("credentials are out of reach")

// readCredentials takes the role's keys, which Lambda puts into the environment. Where it puts an address there instead, as it does for
// functions with snapshots, they are fetched. Without either the function starts, and every call fails.
//
// The reader quotes what it reads, so no key goes through it.
func readCredentials(r *env.Reader, lookup func(name string) (string, bool), client aws.HTTPClient) aws.CredentialsProvider {
	id, _ := lookup("AWS_ACCESS_KEY_ID")
	key, _ := lookup("AWS_SECRET_ACCESS_KEY")
	session, _ := lookup("AWS_SESSION_TOKEN")
	address := r.Optional("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
	if path := r.Optional("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ""); path != "" {
		address = containerHost + path
	}
	if id != "" && key != "" || address == "" {
		return credentials.NewStaticCredentialsProvider(id, key, session)
	}
	if !issues(address) {
		r.Fault("AWS_CONTAINER_CREDENTIALS_FULL_URI", "neither https nor a host that issues credentials")
	}
	token, _ := lookup("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	return aws.NewCredentialsCache(&issuer{client, address, token}, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow })
}

// issues tells whether an address may be asked for credentials.
func issues(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "https" {
		return err == nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() || slices.Contains(issuers, u.Hostname())
}

// issuer is an address that issues credentials to those who have the token.
type issuer struct {
	client  aws.HTTPClient
	address string
	token   string
}

// Retrieve fetches credentials. Its error says nothing of what was answered.
func (i *issuer) Retrieve(ctx context.Context) (aws.Credentials, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.address, http.NoBody)
	if err != nil {
		return aws.Credentials{}, errCredentials
	}
	if i.token != "" {
		request.Header.Set("Authorization", i.token)
	}
	response, err := i.client.Do(request)
	if err != nil {
		return aws.Credentials{}, errCredentials
	}
	defer func() { _ = response.Body.Close() }() // It is in memory.
	if response.StatusCode != http.StatusOK {
		return aws.Credentials{}, errCredentials
	}
	answer := texts(jsontext.NewDecoder(response.Body))
	expires, err := time.Parse(time.RFC3339, answer["Expiration"])
	issued := aws.Credentials{
		AccessKeyID:     answer["AccessKeyId"],
		SecretAccessKey: answer["SecretAccessKey"],
		SessionToken:    answer["Token"],
		CanExpire:       err == nil,
		Expires:         expires,
	}
	if !issued.HasKeys() {
		return aws.Credentials{}, errCredentials
	}
	return issued, nil
}

// texts reads those members of an object that are texts, as far as it can.
func texts(d *jsontext.Decoder) map[string]string {
	texts := map[string]string{}
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	for d.PeekKind() == jsontext.KindString {
		name, err := d.ReadToken()
		if err != nil {
			return nil
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		if text, err := jsontext.AppendUnquote(nil, value); err == nil {
			texts[key] = string(text)
		}
	}
	return texts
}
