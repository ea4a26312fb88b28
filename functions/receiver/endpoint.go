package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/purchasely-clevertap/bridge/shared/env"
)

// endpoints says where the services are, if not where the Region has them. It is a source of configuration to the SDK, whose clients
// ask a source for whatever it has a method for.
type endpoints struct {
	all       *string           // for every service
	own       map[string]string // for one service, by its name in the SDK
	fips      aws.FIPSEndpointState
	dualStack aws.DualStackEndpointState
}

func readEndpoints(r *env.Reader) endpoints {
	e := endpoints{own: map[string]string{}}
	if readSwitch(r, "AWS_USE_FIPS_ENDPOINT") {
		e.fips = aws.FIPSEndpointStateEnabled
	}
	if readSwitch(r, "AWS_USE_DUALSTACK_ENDPOINT") {
		e.dualStack = aws.DualStackEndpointStateEnabled
	}
	if readSwitch(r, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
		return e
	}
	if url := r.Optional("AWS_ENDPOINT_URL", ""); url != "" {
		e.all = &url
	}
	for service, name := range map[string]string{
		sqs.ServiceID:            "AWS_ENDPOINT_URL_SQS",
		secretsmanager.ServiceID: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
	} {
		if url := r.Optional(name, ""); url != "" {
			e.own[service] = url
		}
	}
	return e
}

// GetServiceBaseEndpoint gives the address that is meant for one service alone.
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (url string, found bool, err error) {
	url, found = e.own[service]
	return url, found, nil
}

// GetUseFIPSEndpoint tells whether the endpoints shall be those with validated cryptography.
func (e endpoints) GetUseFIPSEndpoint(context.Context) (state aws.FIPSEndpointState, found bool, err error) {
	return e.fips, e.fips != aws.FIPSEndpointStateUnset, nil
}

// GetUseDualStackEndpoint tells whether the endpoints shall be those that IPv6 reaches as well.
func (e endpoints) GetUseDualStackEndpoint(context.Context) (state aws.DualStackEndpointState, found bool, err error) {
	return e.dualStack, e.dualStack != aws.DualStackEndpointStateUnset, nil
}
