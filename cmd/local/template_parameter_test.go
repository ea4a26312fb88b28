//go:build template

package main_test

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
)

func parametersAreComplete(s *stack) {
	parameters := object(s.Source["Parameters"])
	form := at(s.Source, "Metadata", "AWS::CloudFormation::Interface")
	grouped, count := map[string]bool{}, 0
	for _, group := range list(at(form, "ParameterGroups")) {
		for _, name := range list(at(group, "Parameters")) {
			grouped[fmt.Sprint(name)] = true
			count++
		}
	}
	s.want("parameters in groups", fmt.Sprint(keys(parameters), len(parameters)), fmt.Sprint(keys(grouped), count))
	s.want("parameters with labels", keys(parameters), keys(object(at(form, "ParameterLabels"))))
	rest := maps.Clone(s.Source)
	delete(rest, "Parameters")
	delete(rest, "Metadata")
	delete(rest, "Rules")
	text, err := json.Marshal(rest)
	s.fault(err != nil, "%v", err)
	for name, parameter := range parameters {
		parameter := object(parameter)
		for _, key := range []string{"Type", "Description", "ConstraintDescription", "Default"} {
			s.fault(parameter[key] == nil, "%s: no %s", name, key)
		}
		s.fault(parameter["NoEcho"] != nil, "%s: a secret is never a parameter", name)
		between := parameter["MinValue"] != nil && parameter["MaxValue"] != nil
		limited := between || parameter["AllowedPattern"] != nil || parameter["AllowedValues"] != nil
		s.fault(!limited, "%s: takes anything", name)
		if pattern, ok := parameter["AllowedPattern"].(string); ok {
			expression, err := regexp.Compile(pattern)
			s.fault(err != nil, "%s: %v", name, err)
			s.fault(!strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$"), "%s: the pattern is open", name)
			s.fault(err == nil && !expression.MatchString(fmt.Sprint(parameter["Default"])),
				"%s: the default does not fit the pattern", name)
		}
		used := strings.Contains(string(text), `{"Ref":"`+name+`"}`) || strings.Contains(string(text), "${"+name+"}")
		s.fault(!used, "%s: used nowhere", name)
	}
}

// patternValues are values that each pattern takes, and values that it refuses.
var patternValues = map[string][2][]string{
	"SecretsPrefix": {
		{"purchasely-clevertap", "a1", "team/bridge_2.prod"},
		{"", "a", "*", "bridge/", "/bridge", "bridge*", "bridge?", "bridge prod", "bridge\"", "${x}"},
	},
	"TimestampTolerance": {{"0s", "90s", "5m", "48h", "999h"}, {"", "0", "5", "-5m", "1h30m", "1d", "01m", "9999h"}},
	"RetryDelay":         {{"1s", "5s", "60s", "900s"}, {"", "0s", "901s", "5", "5m", "500ms", "05s"}},
	"UploadTimeout":      {{"1s", "10s", "25s"}, {"", "0s", "26s", "30s", "1m"}},
	"BreakerPause":       {{"1s", "30s", "90s"}, {"", "0s", "91s", "5m"}},
	"AllowedSources": {
		{"", "203.0.113.7", "203.0.113.7,198.51.100.0/24", "2001:db8::/32, 203.0.113.7"},
		{",", "purchasely.com", "203.0.113.7;198.51.100.7", "203.0.113.7,", "203.0.113.0/1000", "*"},
	},
	"DomainName": {
		{"", "hooks.example.com", "a-b.example.co.uk"},
		{"localhost", "https://a.example.com", "a.example.com/", "-a.example.com", "*.example.com", "A.example.com"},
	},
	"CertificateArn": {
		{"", certificateARN, "arn:aws-cn:acm:cn-north-1:000000000000:certificate/abc"},
		{"certificate/abc", "arn:aws:acm:eu-west-1:0:certificate/abc", "arn:aws:acm:eu-west-1:000000000000:certificate/*"},
	},
	"KmsKeyArn": {
		{"", keyARN, "arn:aws:kms:eu-west-1:000000000000:key/mrk-1234"},
		{"alias/aws/sqs", "*", "arn:aws:kms:eu-west-1:000000000000:alias/mine", "arn:aws:kms:eu-west-1:000000000000:key/*"},
	},
	"AlarmTopicArn": {
		{"", topicARN, "arn:aws-us-gov:sns:us-gov-west-1:123456789012:on_call-1"},
		{"alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms", topicARN + ".fifo", "arn:aws:sns:eu-west-1:123:a"},
	},
	"AlarmEmail": {
		{"", "oncall@example.com", "on.call+bridge@mail.example.co.uk"},
		{"oncall", "oncall@example", "a b@example.com", "a@a.com,b@b.com", "<a@example.com>", "a@@example.com", "a@.com"},
	},
	"CleverTapEndpoint": {
		{
			"", "https://proxy.example.com", "https://proxy.example.com:8443/{host}", "https://{host}/",
			"http://127.0.0.1:9900/{host}", "http://localhost:9900", "http://[::1]:9900/x",
		},
		{
			"http://proxy.example.com", "http://127.0.0.1.example.com", "http://localhost.example.com/", "https://",
			"ftp://127.0.0.1", "https://user@example.com", "https://example.com/?a=b", " https://example.com",
		},
	},
}

// patternsFit tries values on the patterns, where a pattern alone decides.
func patternsFit(s *stack) {
	for name, parameter := range object(s.Source["Parameters"]) {
		values, ok := patternValues[name]
		pattern := at(parameter, "AllowedPattern")
		s.fault(ok != (pattern != nil), "%s: a pattern without values here, or the other way round", name)
		expression, err := regexp.Compile(fmt.Sprint(pattern))
		if err != nil {
			s.fault(true, "%s: %v", name, err)
			continue
		}
		for i, verdict := range []string{"refused", "taken"} {
			for _, value := range values[i] {
				s.fault(expression.MatchString(value) == (i == 1), "%s: %q is %s", name, value, verdict)
			}
		}
	}
}

func outputsAreThere(s *stack) {
	sent := map[any]string{"fifo": "EventsFifoQueue", "standard": "EventsStandardQueue"}[s.parameters["QueueType"]]
	want := map[string]any{
		"EventsQueueUrl":                   sent,
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
	}
	if s.parameters["Subscribers"] == "on" {
		want["SubscribersTable"] = "SubscribersTable"
	}
	if domain := s.parameters["DomainName"]; domain != "" {
		want["WebhookUrl"] = fmt.Sprintf("https://%v/purchasely/{app}", domain)
		want["DomainTarget"] = "Domain.RegionalDomainName"
	}
	s.want("outputs", keys(want), keys(s.outputs))
	for name, value := range want {
		s.want("output "+name, value, at(s.outputs, name, "Value"))
		s.fault(at(s.outputs, name, "Description") == nil, "output %s: no description", name)
	}
}
