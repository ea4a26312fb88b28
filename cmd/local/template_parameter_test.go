//go:build template

package main_test

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/goccy/go-yaml"
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

//go:embed testdata/parameters.yaml
var parameterValues []byte

// patternValues are values that each pattern takes, and values that it refuses.
var patternValues = sync.OnceValue(func() (all map[string]struct{ Taken, Refused []string }) {
	if err := yaml.Unmarshal(parameterValues, &all); err != nil {
		panic(err)
	}
	return all
})

// patternsFit tries the values, where a pattern alone decides.
func patternsFit(s *stack) {
	for name, parameter := range object(s.Source["Parameters"]) {
		values, ok := patternValues()[name]
		pattern := at(parameter, "AllowedPattern")
		s.fault(ok != (pattern != nil), "%s: a pattern without values, or the other way round", name)
		expression, err := regexp.Compile(fmt.Sprint(pattern))
		if err != nil {
			s.fault(true, "%s: %v", name, err)
			continue
		}
		for _, value := range values.Taken {
			s.fault(!expression.MatchString(value), "%s: %q is refused", name, value)
		}
		for _, value := range values.Refused {
			s.fault(expression.MatchString(value), "%s: %q is taken", name, value)
		}
	}
}

func outputsAreThere(s *stack) {
	sent := map[any]string{"fifo": "EventsFifoQueue", "standard": "EventsStandardQueue"}[s.parameters["QueueType"]]
	host := "${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
	if domain := s.parameters["DomainName"]; domain != "" {
		host = fmt.Sprint(domain)
	}
	want := map[string]any{
		"EventsQueueUrl":                   sent,
		"EventsFifoQueueUrl":               "EventsFifoQueue",
		"EventsStandardQueueUrl":           "EventsStandardQueue",
		"EventsFifoDeadLetterQueueUrl":     "EventsFifoDeadLetterQueue",
		"EventsStandardDeadLetterQueueUrl": "EventsStandardDeadLetterQueue",
		"RejectedQueueUrl":                 "RejectedQueue",
		"RelayQueueUrl":                    "RelayQueue",
		"RelayDeadLetterQueueUrl":          "RelayDeadLetterQueue",
		"SecretsPrefix":                    "purchasely-clevertap",
		"SubscribersTable":                 "SubscribersTable",
		"SettingsBucket":                   "SettingsBucket",
		"DashboardName":                    "Dashboard",
		"ReceiverFunction":                 "Receiver",
		"ForwarderFunction":                "Forwarder",
		"RelayFunction":                    "RelayFunction",
		"UsersFunction":                    "Users",
		"HeartbeatFunction":                "Heartbeat",
		"WebhookUrl":                       "https://" + host + "/purchasely/{app}",
		"UsersUrl":                         "https://" + host + "/users/{app}",
		"DomainTarget":                     "Domain.RegionalDomainName",
	}
	maps.DeleteFunc(want, func(name string, _ any) bool { return s.isLeftOut(name) })
	s.want("outputs", keys(want), keys(s.outputs))
	for name, value := range want {
		s.want("output "+name, value, at(s.outputs, name, "Value"))
		s.fault(at(s.outputs, name, "Description") == nil, "output %s: no description", name)
	}
}
