//go:build template

package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// grants are all that each role may do: resources by action.
var grants = map[string]map[string][]string{
	"ReceiverRole": {
		"sqs:SendMessage":               {"EventsFifoQueue.Arn", "EventsStandardQueue.Arn"},
		"secretsmanager:GetSecretValue": {secretARN("purchasely")},
		"logs:CreateLogStream":          {"ReceiverLogs.Arn"},
		"logs:PutLogEvents":             {"ReceiverLogs.Arn"},
	},
	"ForwarderRole": {
		"sqs:ReceiveMessage":            {"EventsFifoQueue.Arn", "EventsStandardQueue.Arn"},
		"sqs:DeleteMessage":             {"EventsFifoQueue.Arn", "EventsStandardQueue.Arn"},
		"sqs:GetQueueAttributes":        {"EventsFifoQueue.Arn", "EventsStandardQueue.Arn"},
		"sqs:ChangeMessageVisibility":   {"EventsFifoQueue.Arn", "EventsStandardQueue.Arn"},
		"sqs:SendMessage":               {"RejectedQueue.Arn"},
		"secretsmanager:GetSecretValue": {secretARN("clevertap")},
		"logs:CreateLogStream":          {"ForwarderLogs.Arn"},
		"logs:PutLogEvents":             {"ForwarderLogs.Arn"},
	},
}

// grantsOf are what the roles of a stack may do: the table is there only with subscriber state, a key and traces only where they are wanted.
func grantsOf(s stack, role string) map[string][]string {
	all := maps.Clone(grants[role])
	if role == "ForwarderRole" && s.parameters["Subscribers"] == "on" {
		all["dynamodb:BatchGetItem"] = []string{"SubscribersTable.Arn"}
		all["dynamodb:PutItem"] = []string{"SubscribersTable.Arn"}
	}
	if key := s.parameters["KmsKeyArn"]; key != "" {
		all["kms:Decrypt"], all["kms:GenerateDataKey"] = []string{fmt.Sprint(key)}, []string{fmt.Sprint(key)}
	}
	if s.parameters["Tracing"] == "on" {
		all["xray:PutTraceSegments"], all["xray:PutTelemetryRecords"] = []string{"*"}, []string{"*"}
	}
	return all
}

// secretARN is one kind of secret, of every app. Secrets Manager adds a hyphen and six characters to a name.
func secretARN(kind string) string {
	return "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:purchasely-clevertap/*/" + kind + "-??????"
}

func rolesAreExact(s stack) []string {
	var f faults
	roles := s.of("AWS::IAM::Role")
	f.want("roles", slices.Sorted(maps.Keys(grants)), slices.Sorted(maps.Keys(roles)))
	for name, role := range roles {
		f.when(role["ManagedPolicyArns"] != nil, "%s has managed policies", name)
		f.want("actions of "+name, spelled(grantsOf(s, name)), spelled(granted(name, role, &f)))
	}
	for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"} {
		f.when(len(s.of(kind)) > 0, "%s: rights are written into the roles only", kind)
	}
	for name, function := range s.of("AWS::Lambda::Function") {
		f.want("role of "+name, name+"Role.Arn", function["Role"])
	}
	return f
}

// granted reads the statements of a role.
func granted(name string, role node, f *faults) map[string][]string {
	found := map[string][]string{}
	for _, policy := range list(role["Policies"]) {
		for _, statement := range list(at(policy, "PolicyDocument", "Statement")) {
			statement := object(statement)
			f.when(statement["Effect"] != "Allow" || len(statement) != 3, "%s: a statement has more than effect, action and resource", name)
			for _, action := range list(statement["Action"]) {
				for _, resource := range list(statement["Resource"]) {
					action := fmt.Sprint(action)
					f.when(strings.Contains(action, "*"), "%s: action %s has a wildcard", name, action)
					f.when(resource == "*" && !strings.HasPrefix(action, "xray:"), "%s: %s on everything", name, action)
					found[action] = append(found[action], fmt.Sprint(resource))
				}
			}
		}
	}
	return found
}

// spelled writes grants in one order.
func spelled(grants map[string][]string) string {
	var lines []string
	for action, resources := range grants {
		lines = append(lines, action+" on "+strings.Join(slices.Sorted(slices.Values(resources)), " and "))
	}
	return strings.Join(slices.Sorted(slices.Values(lines)), "; ")
}

func rolesTrustLambda(s stack) []string {
	var f faults
	for name, role := range s.of("AWS::IAM::Role") {
		statements := list(at(role, "AssumeRolePolicyDocument", "Statement"))
		f.want(name+": statements of trust", 1, len(statements))
		for _, statement := range statements {
			f.want(name+": trust", node{
				"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": node{"Service": "lambda.amazonaws.com"},
			}, statement)
		}
	}
	return f
}
