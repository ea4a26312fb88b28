package stack

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/clevertap/query"
)

const (
	// endpointVariable directs what would go to CleverTap's hosts elsewhere, as it does for the forwarder.
	endpointVariable = "CLEVERTAP_ENDPOINT"
	// clevertapTimeout is how long a region may take to answer.
	clevertapTimeout = 15 * time.Second
)

// CleverTap returns what uploads to CleverTap, with the credentials that it is given. network makes the calls; nil is
// the real one.
func CleverTap(network http.RoundTripper) (*clevertap.Uploader, error) {
	endpoint, err := endpoint()
	if err != nil {
		return nil, err
	}
	options := clevertap.Options{Transport: network, Endpoint: endpoint, Timeout: clevertapTimeout}
	return clevertap.NewUploader(options), nil
}

// CleverTapReader returns what asks CleverTap what it has. network makes the calls; nil is the real one.
func CleverTapReader(network http.RoundTripper) (*query.Client, error) {
	endpoint, err := endpoint()
	if err != nil {
		return nil, err
	}
	return query.New(network, endpoint), nil
}

// endpoint is where CleverTap's hosts are directed to, empty for nowhere else.
func endpoint() (string, error) {
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		return "", nil
	}
	u, err := url.Parse(strings.ReplaceAll(endpoint, "{host}", "host"))
	if err != nil || u.Host == "" || !mayCarrySecrets(u) {
		return "", cli.Usagef("credentials go there: it must be https, or http to this machine",
			"%s is no usable URL", endpointVariable)
	}
	return endpoint, nil
}
