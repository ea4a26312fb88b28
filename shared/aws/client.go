package aws

import (
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/purchasely-clevertap/bridge/shared/network"
)

// NewHTTPClient makes the HTTP client of the SDK's clients. One try of a call may take as long as timeout, and its
// connections are bounded: the SDK itself gives a dial thirty seconds, and a silent HTTP/2 connection to all tries.
func NewHTTPClient(timeout time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(timeout).WithTransportOptions(network.Limit)
}
