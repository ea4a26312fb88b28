//go:build template

package main_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// purchaselyGivesUp is when Purchasely calls a webhook failed, in milliseconds (Purchasely, "Webhook", November 2026).
const purchaselyGivesUp = 10_000

func apiHasOneRoute(s stack) []string {
	var f faults
	apis := s.of("AWS::ApiGatewayV2::Api")
	f.want("APIs", 1, len(apis))
	paths := object(at(apis["Api"], "Body", "paths"))
	f.want("paths", 1, len(paths))
	methods := object(paths["/purchasely/{app}"])
	f.want("methods", 1, len(methods))
	integration := object(at(methods["post"], "x-amazon-apigateway-integration"))
	f.want("payload format", "2.0", integration["payloadFormatVersion"])
	f.want("integration", "aws_proxy", integration["type"])
	f.when(!strings.HasSuffix(fmt.Sprint(integration["uri"]), ":lambda:path/2015-03-31/functions/${Receiver.Arn}:live/invocations"),
		"the route does not end at the receiver's alias")
	f.want("method of the integration", "POST", integration["httpMethod"])

	// The receiver answers by itself within 5 s; each that waits for another waits longer.
	function := 1000 * number(s.of("AWS::Lambda::Function")["Receiver"]["Timeout"])
	waits := []int{5000, function, number(integration["timeoutInMillis"]), purchaselyGivesUp}
	f.when(!slices.IsSorted(waits) || len(slices.Compact(slices.Clone(waits))) != len(waits), "time-outs do not end in order: %v ms", waits)

	for name, permission := range s.of("AWS::Lambda::Permission") {
		f.want(name+": function", "ReceiverAliaslive", permission["FunctionName"])
		f.want(name+": principal", "apigateway.amazonaws.com", permission["Principal"])
		f.when(!strings.HasSuffix(fmt.Sprint(permission["SourceArn"]), "/POST/purchasely/*"), "%s: wider than the route", name)
	}
	f.want("permissions", 1, len(s.of("AWS::Lambda::Permission")))
	for name, stage := range s.of("AWS::ApiGatewayV2::Stage") {
		f.want(name, "$default", stage["StageName"])
	}
	return f
}

// accessLogFields are the variables that an access log may hold here: what API Gateway knows by itself, and nothing that a caller
// chose or is known by (AWS, "Logging variables for HTTP API access logs", November 2026).
var accessLogFields = []string{
	"$context.requestId", "$context.requestTime", "$context.routeKey", "$context.status", "$context.responseLatency",
	"$context.integrationStatus", "$context.integrationLatency", "$context.integrationErrorMessage",
}

func accessLogNamesNobody(s stack) []string {
	var f faults
	stages := s.of("AWS::ApiGatewayV2::Stage")
	f.want("stages", 1, len(stages))
	for name, stage := range stages {
		f.want(name+": destination", "ApiLogs.Arn", at(stage, "AccessLogSettings", "DestinationArn"))
		format, _ := at(stage, "AccessLogSettings", "Format").(string)
		var line map[string]string
		if err := json.Unmarshal([]byte(format), &line); err != nil {
			f.when(true, "%s: the format is no JSON: %v", name, err)
		}
		for key, value := range line {
			f.when(!slices.Contains(accessLogFields, value), "%s: %s is %s", name, key, value)
		}
		f.when(len(line) == 0, "%s: no access log", name)
	}
	return f
}
