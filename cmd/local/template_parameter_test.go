//go:build template

package main_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

func parametersAreComplete(s stack) []string {
	var f faults
	parameters := object(s.Source["Parameters"])
	face := object(at(s.Source, "Metadata", "AWS::CloudFormation::Interface"))
	var grouped []string
	for _, group := range list(face["ParameterGroups"]) {
		for _, name := range list(at(group, "Parameters")) {
			grouped = append(grouped, fmt.Sprint(name))
		}
	}
	all := slices.Sorted(maps.Keys(parameters))
	f.want("parameters in groups", all, slices.Sorted(slices.Values(grouped)))
	f.want("parameters with labels", all, slices.Sorted(maps.Keys(object(face["ParameterLabels"]))))

	rest, err := json.Marshal([]any{s.Source["Conditions"], s.Source["Resources"], s.Source["Outputs"], s.Source["Globals"]})
	f.when(err != nil, "%v", err)
	for name, parameter := range parameters {
		parameter := object(parameter)
		for _, key := range []string{"Type", "Description", "ConstraintDescription"} {
			f.when(parameter[key] == nil, "%s: no %s", name, key)
		}
		_, hasDefault := parameter["Default"]
		f.when(!hasDefault, "%s: no default", name)
		f.when(parameter["NoEcho"] != nil, "%s: a secret is never a parameter", name)
		f.when(parameter["AllowedPattern"] == nil && parameter["AllowedValues"] == nil && (parameter["MinValue"] == nil || parameter["MaxValue"] == nil),
			"%s: takes anything", name)
		if pattern, ok := parameter["AllowedPattern"].(string); ok {
			expression, err := regexp.Compile(pattern)
			f.when(err != nil, "%s: %v", name, err)
			f.when(!strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$"), "%s: the pattern is open", name)
			f.when(err == nil && !expression.MatchString(fmt.Sprint(parameter["Default"])), "%s: the default does not fit the pattern", name)
		}
		used := strings.Contains(string(rest), `{"Ref":"`+name+`"}`) || strings.Contains(string(rest), "${"+name+"}")
		f.when(!used, "%s: used nowhere", name)
	}
	return f
}

// patternsFit tries values on the patterns, where a pattern alone decides.
func patternsFit(s stack) []string {
	var f faults
	parameters := object(s.Source["Parameters"])
	tests := map[string]struct{ good, bad []string }{
		"SecretsPrefix": {
			good: []string{"purchasely-clevertap", "a1", "team/bridge_2.prod"},
			bad:  []string{"", "a", "*", "bridge/", "/bridge", "bridge*", "bridge?", "bridge prod", "bridge\"", "${x}"},
		},
		"TimestampTolerance": {
			good: []string{"0s", "90s", "5m", "48h", "999h"},
			bad:  []string{"", "0", "5", "-5m", "1h30m", "1d", "01m", "9999h"},
		},
		"RetryDelay": {
			good: []string{"1s", "5s", "60s", "900s"},
			bad:  []string{"", "0s", "901s", "5", "5m", "500ms", "05s"},
		},
		"UploadTimeout": {
			good: []string{"1s", "10s", "25s"},
			bad:  []string{"", "0s", "26s", "30s", "1m"},
		},
		"BreakerPause": {
			good: []string{"1s", "30s", "90s"},
			bad:  []string{"", "0s", "91s", "5m"},
		},
		"AllowedSources": {
			good: []string{"", "203.0.113.7", "203.0.113.7,198.51.100.0/24", "2001:db8::/32, 203.0.113.7"},
			bad:  []string{",", "purchasely.com", "203.0.113.7;198.51.100.7", "203.0.113.7,", "203.0.113.0/1000", "*"},
		},
		"DomainName": {
			good: []string{"", "hooks.example.com", "a-b.example.co.uk"},
			bad:  []string{"localhost", "https://hooks.example.com", "hooks.example.com/", "-a.example.com", "*.example.com", "Hooks.example.com"},
		},
		"CertificateArn": {
			good: []string{"", hardened["CertificateArn"], "arn:aws-cn:acm:cn-north-1:000000000000:certificate/abc"},
			bad:  []string{"certificate/abc", "arn:aws:acm:eu-west-1:0:certificate/abc", "arn:aws:acm:eu-west-1:000000000000:certificate/*"},
		},
		"KmsKeyArn": {
			good: []string{"", hardened["KmsKeyArn"], "arn:aws:kms:eu-west-1:000000000000:key/mrk-1234"},
			bad:  []string{"alias/aws/sqs", "*", "arn:aws:kms:eu-west-1:000000000000:alias/mine", "arn:aws:kms:eu-west-1:000000000000:key/*"},
		},
		"AlarmTopicArn": {
			good: []string{"", "arn:aws:sns:eu-west-1:123456789012:alarms", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:on_call-1"},
			bad:  []string{"alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms", "arn:aws:sns:eu-west-1:123456789012:alarms.fifo", "arn:aws:sns:eu-west-1:123:a"},
		},
		"AlarmEmail": {
			good: []string{"", "oncall@example.com", "on.call+bridge@mail.example.co.uk"},
			bad:  []string{"oncall", "oncall@example", "a b@example.com", "a@example.com,b@example.com", "<a@example.com>", "a@@example.com", "a@.com"},
		},
		"CleverTapEndpoint": {
			good: []string{
				"", "https://proxy.example.com", "https://proxy.example.com:8443/{host}", "https://{host}/",
				"http://127.0.0.1:9900/{host}", "http://localhost:9900", "http://[::1]:9900/x",
			},
			bad: []string{
				"http://proxy.example.com", "http://127.0.0.1.example.com", "http://localhost.example.com/", "https://", "ftp://127.0.0.1",
				"https://user@example.com", "https://example.com/?a=b", " https://example.com",
			},
		},
	}
	for name, parameter := range parameters {
		_, ok := tests[name]
		f.when(!ok && object(parameter)["AllowedPattern"] != nil, "%s: no values for its pattern here", name)
	}
	for name, test := range tests {
		expression, err := regexp.Compile(fmt.Sprint(at(parameters, name, "AllowedPattern")))
		if err != nil {
			f.when(true, "%s: %v", name, err)
			continue
		}
		for _, value := range test.good {
			f.when(!expression.MatchString(value), "%s: %q is refused", name, value)
		}
		for _, value := range test.bad {
			f.when(expression.MatchString(value), "%s: %q is taken", name, value)
		}
	}
	return f
}

func outputsAreThere(s stack) []string {
	var f faults
	want := map[string]string{
		"EventsFifoQueueUrl":               "EventsFifoQueue",
		"EventsStandardQueueUrl":           "EventsStandardQueue",
		"EventsFifoDeadLetterQueueUrl":     "EventsFifoDeadLetterQueue",
		"EventsStandardDeadLetterQueueUrl": "EventsStandardDeadLetterQueue",
		"RejectedQueueUrl":                 "RejectedQueue",
		"SecretsPrefix":                    "purchasely-clevertap",
		"DashboardName":                    "Dashboard",
		"ReceiverFunction":                 "Receiver",
		"ForwarderFunction":                "Forwarder",
		"WebhookUrl":                       "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/purchasely/{app}",
		"EventsQueueUrl":                   map[any]string{"fifo": "EventsFifoQueue", "standard": "EventsStandardQueue"}[s.parameters["QueueType"]],
	}
	if s.parameters["Subscribers"] == "on" {
		want["SubscribersTable"] = "SubscribersTable"
	}
	if domain := s.parameters["DomainName"]; domain != "" {
		want["WebhookUrl"], want["DomainTarget"] = fmt.Sprintf("https://%v/purchasely/{app}", domain), "Domain.RegionalDomainName"
	}
	f.want("outputs", slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(s.outputs)))
	for name, value := range want {
		f.want("output "+name, value, at(s.outputs, name, "Value"))
		f.when(at(s.outputs, name, "Description") == nil, "output %s: no description", name)
	}
	return f
}
