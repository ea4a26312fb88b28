//go:build template

package main_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// environments are the variables of each function.
var environments = map[string]map[string]string{
	"Receiver": {
		"QUEUE_URL":           "", // follows QueueType, below
		"SECRETS_PREFIX":      "SecretsPrefix",
		"MAX_BODY_BYTES":      "MaxBodyBytes",
		"TIMESTAMP_TOLERANCE": "TimestampTolerance",
		"ALLOWED_SOURCES":     "AllowedSources",
	},
	"Forwarder": {
		"SECRETS_PREFIX":     "SecretsPrefix",
		"REJECTED_QUEUE_URL": "",
		"CLEVERTAP_ENDPOINT": "CleverTapEndpoint",
		"UPLOAD_TIMEOUT":     "UploadTimeout",
		"UPLOAD_CONCURRENCY": "",
		"RETRY_DELAY":        "RetryDelay",
		"BREAKER_PAUSE":      "BreakerPause",
		"SUBSCRIBERS_TABLE":  "", // follows Subscribers, below
	},
}

func functionsAreBuilt(s stack) []string {
	var f faults
	folders := map[string]string{}
	for name, resource := range object(s.Source["Resources"]) {
		if at(resource, "Type") != "AWS::Serverless::Function" {
			continue
		}
		folder, _ := at(resource, "Properties", "CodeUri").(string)
		f.want(name+": CodeUri", "functions/"+strings.ToLower(name)+"/", folder)
		f.when(folders[folder] != "", "%s and %s share a folder, so SAM gives both the first binary", name, folders[folder])
		folders[folder] = name
		_, err := os.Stat(filepath.Join("../..", folder, "main.go"))
		f.when(err != nil, "%s: %v", name, err)
		f.want(name+": BuildMethod", "go1.x", at(resource, "Metadata", "BuildMethod"))
	}
	functions := s.of("AWS::Lambda::Function")
	f.want("functions", "Forwarder Receiver", strings.Join(slices.Sorted(maps.Keys(functions)), " "))
	for name, function := range functions {
		f.want(name+": runtime", "provided.al2023", function["Runtime"])
		f.want(name+": handler", "bootstrap", function["Handler"])
		f.want(name+": architecture", "[arm64]", function["Architectures"])
		f.when(function["DeadLetterConfig"] != nil, "%s: a mapping never uses a function's dead-letter queue", name)
		f.when(function["VpcConfig"] != nil, "%s: a VPC has no way to CleverTap", name)
	}
	f.want("memory of the receiver", 256, functions["Receiver"]["MemorySize"])
	memory := map[any]int{"fifo": 256, "standard": 512}[s.parameters["QueueType"]]
	f.want("memory of the forwarder", memory, functions["Forwarder"]["MemorySize"])
	f.want("time-out of the forwarder", 30, functions["Forwarder"]["Timeout"])
	return f
}

func environmentsAreExact(s stack) []string {
	var f faults
	functions := s.of("AWS::Lambda::Function")
	for name, variables := range environments {
		found := object(at(functions[name], "Environment", "Variables"))
		f.want(name+": variables", slices.Sorted(maps.Keys(variables)), slices.Sorted(maps.Keys(found)))
		for variable, parameter := range variables {
			if parameter != "" {
				f.want(name+": "+variable, s.parameters[parameter], found[variable])
			}
			_, isText := found[variable].(string)
			f.when(!isText, "%s: %s is no text, as a variable has to be", name, variable)
		}
	}
	target := map[any]string{"fifo": "EventsFifoQueue", "standard": "EventsStandardQueue"}[s.parameters["QueueType"]]
	f.want("QUEUE_URL", queueURL(s, target), at(functions["Receiver"], "Environment", "Variables", "QUEUE_URL"))
	table := map[any]string{"on": "SubscribersTable", "off": ""}[s.parameters["Subscribers"]]
	f.want("SUBSCRIBERS_TABLE", table, at(functions["Forwarder"], "Environment", "Variables", "SUBSCRIBERS_TABLE"))
	f.want("REJECTED_QUEUE_URL", queueURL(s, "RejectedQueue"), at(functions["Forwarder"], "Environment", "Variables", "REJECTED_QUEUE_URL"))
	return f
}

// queueURL is the URL that SQS gives to a queue of the stack.
func queueURL(s stack, queue string) string {
	return fmt.Sprintf("https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/%v", s.of("AWS::SQS::Queue")[queue]["QueueName"])
}

func logsAreKept(s stack) []string {
	var f faults
	groups := s.of("AWS::Logs::LogGroup")
	for name, group := range groups {
		physical := fmt.Sprint(group["LogGroupName"])
		f.when(!strings.Contains(physical, "/${AWS::StackName}-"), "%s: name %s is not the stack's", name, physical)
		f.want(name+": retention", s.parameters["LogRetentionDays"], group["RetentionInDays"])
	}
	for name, function := range s.of("AWS::Lambda::Function") {
		f.want(name+": logging", node{
			"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": name + "Logs",
		}, function["LoggingConfig"])
		f.when(groups[name+"Logs"] == nil, "%s: no log group", name)
	}
	return f
}
