//go:build template

package main_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// mutation is one fault that somebody could put into the template: in one of its sections, a text instead of another.
type mutation struct{ section, old, new string }

// mutations are faults that linters let through, most of them. The checks have to find each.
var mutations = map[string]mutation{
	// What a role may do.
	"the receiver may do anything with its queues":       {"ReceiverRole", "Action: sqs:SendMessage", "Action: sqs:*"},
	"the receiver may send to every queue":               {"ReceiverRole", "Resource: [!GetAtt EventsFifoQueue.Arn, !GetAtt EventsStandardQueue.Arn]", `Resource: "*"`},
	"the receiver may send to the rejected queue":        {"ReceiverRole", "!GetAtt EventsStandardQueue.Arn]", "!GetAtt EventsStandardQueue.Arn, !GetAtt RejectedQueue.Arn]"},
	"the receiver loses the other queue":                 {"ReceiverRole", "[!GetAtt EventsFifoQueue.Arn, !GetAtt EventsStandardQueue.Arn]", "!GetAtt EventsFifoQueue.Arn"},
	"the receiver may read CleverTap's passcodes":        {"ReceiverRole", "/*/purchasely-??????", "/*/clevertap-??????"},
	"the receiver may read all secrets of an app":        {"ReceiverRole", "/*/purchasely-??????", "/*"},
	"a secret's ARN without its six characters":          {"ReceiverRole", "purchasely-??????", "purchasely"},
	"a secret's ARN with an open end":                    {"ReceiverRole", "purchasely-??????", "purchasely*"},
	"the secrets of every prefix":                        {"ReceiverRole", "${SecretsPrefix}/*/purchasely", "*/purchasely"},
	"a misspelt action":                                  {"ReceiverRole", "secretsmanager:GetSecretValue", "secretsmanager:GetSecretValues"},
	"a managed policy":                                   {"ReceiverRole", "      Policies:", "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AmazonSQSFullAccess]\n      Policies:"},
	"everything but one action":                          {"ReceiverRole", "Action: sqs:SendMessage", "NotAction: sqs:PurgeQueue"},
	"anybody may take the role":                          {"ReceiverRole", "Principal: {Service: lambda.amazonaws.com}", `Principal: {AWS: "*"}`},
	"another service may take the role":                  {"ForwarderRole", "Principal: {Service: lambda.amazonaws.com}", "Principal: {Service: [lambda.amazonaws.com, ec2.amazonaws.com]}"},
	"the forwarder cannot receive":                       {"ForwarderRole", "sqs:ReceiveMessage, ", ""},
	"the forwarder cannot say when a message comes back": {"ForwarderRole", ", sqs:ChangeMessageVisibility", ""},
	"the forwarder may purge":                            {"ForwarderRole", "sqs:DeleteMessage,", "sqs:DeleteMessage, sqs:PurgeQueue,"},
	"the forwarder may send to its own queue":            {"ForwarderRole", "Resource: !GetAtt RejectedQueue.Arn", "Resource: !GetAtt EventsFifoQueue.Arn"},
	"the forwarder may read what Purchasely signs with":  {"ForwarderRole", "/*/clevertap-??????", "/*/*-??????"},
	"the forwarder may list the subscribers":             {"ForwarderRole", "dynamodb:BatchGetItem,", "dynamodb:BatchGetItem, dynamodb:Scan,"},
	"the forwarder may write every table":                {"ForwarderRole", "Resource: !GetAtt SubscribersTable.Arn", `Resource: "*"`},
	"the forwarder may write the receiver's log":         {"ForwarderRole", "Resource: !GetAtt ForwarderLogs.Arn", "Resource: !GetAtt ReceiverLogs.Arn"},
	"a function with the other's role":                   {"Receiver", "Role: !GetAtt ReceiverRole.Arn", "Role: !GetAtt ForwarderRole.Arn"},
	"a function whose role SAM makes up":                 {"Forwarder", "      Role: !GetAtt ForwarderRole.Arn\n", ""},

	// The queues.
	"plain HTTP is allowed":                       {"EventsFifoQueuePolicy", `"false"`, `"true"`},
	"everybody is allowed":                        {"EventsFifoQueuePolicy", "Effect: Deny", "Effect: Allow"},
	"the refusal of plain HTTP covers one action": {"RejectedQueuePolicy", "Action: sqs:*", "Action: sqs:SendMessage"},
	"the refusal covers another queue":            {"RejectedQueuePolicy", "Queues: [!Ref RejectedQueue]", "Queues: [!Ref EventsFifoQueue]"},
	"a queue that is not encrypted":               {"RejectedQueue", "!If [OwnKey, false, true]", "false"},
	"two kinds of encryption at once":             {"EventsFifoQueue", "!If [OwnKey, false, true]", "true"},
	"a queue that forgets after four days":        {"EventsFifoQueue", "      MessageRetentionPeriod: 1209600\n", ""},
	"a dead-letter queue that forgets sooner":     {"EventsFifoDeadLetterQueue", "1209600", "345600"},
	"a queue that goes with the stack":            {"EventsStandardQueue", "DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Delete"},
	"a queue that a new name replaces":            {"EventsStandardQueue", "    UpdateReplacePolicy: Retain\n", ""},
	"no dead-letter queue":                        {"EventsStandardQueue", "deadLetterTargetArn: !GetAtt EventsStandardDeadLetterQueue.Arn", "deadLetterTargetArn: !GetAtt RejectedQueue.Arn"},
	"a dead-letter queue of the other kind":       {"EventsFifoQueue", "!GetAtt EventsFifoDeadLetterQueue.Arn", "!GetAtt EventsStandardDeadLetterQueue.Arn"},
	"dead letters after five receives":            {"EventsFifoQueue", "maxReceiveCount: 1000", "maxReceiveCount: 5"},
	"dead letters after none":                     {"EventsStandardQueue", "maxReceiveCount: 1000", "maxReceiveCount: 0"},
	"visibility below the time-out":               {"EventsFifoQueue", "VisibilityTimeout: 180", "VisibilityTimeout: 20"},
	"visibility without the batching window":      {"EventsStandardQueue", "VisibilityTimeout: 182", "VisibilityTimeout: 180"},
	"a FIFO queue's name without its end":         {"EventsFifoQueue", "-events.fifo", "-events-fifo"},
	"high throughput for the whole queue":         {"EventsFifoQueue", "perMessageGroupId", "perQueue"},
	"deduplication over the whole queue":          {"EventsFifoQueue", "DeduplicationScope: messageGroup", "DeduplicationScope: queue"},
	"a misspelt scope":                            {"EventsFifoQueue", "DeduplicationScope: messageGroup", "DeduplicationScope: messagegroup"},
	"deduplication by content":                    {"EventsFifoQueue", "ContentBasedDeduplication: false", "ContentBasedDeduplication: true"},
	"a FIFO queue for what is rejected":           {"RejectedQueue", "QueueName: !Sub ${AWS::StackName}-rejected", "FifoQueue: true\n      QueueName: !Sub ${AWS::StackName}-rejected.fifo"},

	"a key that is always there": {"RejectedQueue", "KmsMasterKeyId: !If [OwnKey, !Ref KmsKeyArn, !Ref AWS::NoValue]", "KmsMasterKeyId: alias/aws/sqs"},
	"a queue without the key":    {"EventsFifoQueue", "      KmsMasterKeyId: !If [OwnKey, !Ref KmsKeyArn, !Ref AWS::NoValue]\n", ""},

	// What is off by default.
	"every key of the account":          {"ForwarderRole", "Resource: !Ref KmsKeyArn", `Resource: "*"`},
	"every use of the key":              {"ForwarderRole", "Action: [kms:Decrypt, kms:GenerateDataKey]", "Action: kms:*"},
	"a key that the sender may not use": {"ReceiverRole", "kms:Decrypt, kms:GenerateDataKey", "kms:Decrypt"},
	"traces by default":                 {"Tracing", `Default: "off"`, `Default: "on"`},
	"traces without the right to them":  {"ReceiverRole", "xray:PutTraceSegments, ", ""},
	"more than traces for everybody":    {"ReceiverRole", "xray:PutTraceSegments", "xray:*"},
	"a throttle by default":             {"ThrottleRate", "Default: 0", "Default: 5"},
	"a throttle that lets nothing in":   {"Api", "ThrottlingBurstLimit: !Ref ThrottleRate", "ThrottlingBurstLimit: 0"},
	"old TLS for the domain":            {"Domain", "SecurityPolicy: TLS_1_2", "SecurityPolicy: TLS_1_0"},
	"a domain of everybody":             {"Domain", "    Condition: OwnDomain\n", ""},
	"sources that nobody reads":         {"Receiver", "          ALLOWED_SOURCES: !Ref AllowedSources\n", ""},

	// The functions and their mappings.
	"failures are not reported per message":        {"Forwarder", "            FunctionResponseTypes: [ReportBatchItemFailures]\n            ScalingConfig:\n              MaximumConcurrency: !If", "            ScalingConfig:\n              MaximumConcurrency: !If"},
	"a batching window on the FIFO queue":          {"Forwarder", "            BatchSize: 10\n", "            BatchSize: 10\n            MaximumBatchingWindowInSeconds: 5\n"},
	"large batches without a window":               {"Forwarder", "            MaximumBatchingWindowInSeconds: 2\n", ""},
	"forwarders without a limit":                   {"Forwarder", "            ScalingConfig:\n              MaximumConcurrency: !FindInMap [ByQueueType, !Ref QueueType, StandardForwarders]\n", ""},
	"a mapping that is switched off":               {"Forwarder", "            BatchSize: 1000\n", "            BatchSize: 1000\n            Enabled: false\n"},
	"a filter, which deletes what it drops":        {"Forwarder", "            BatchSize: 1000\n", "            BatchSize: 1000\n            FilterCriteria: {Filters: [{Pattern: \"{}\"}]}\n"},
	"reserved concurrency below the mappings' sum": {"Forwarder", "[ReserveForwarders, 15,", "[ReserveForwarders, 5,"},
	"more uploads than CleverTap takes":            {"Mappings", `UploadsPerForwarder: "1"`, `UploadsPerForwarder: "2"`},
	"more forwarders than CleverTap takes":         {"Parameters", "    MaxValue: 13\n", "    MaxValue: 30\n"},
	"a time-out beyond a sixth of the visibility":  {"Forwarder", "Timeout: 30", "Timeout: 60"},
	"a receiver that outlasts the API":             {"Receiver", "Timeout: 8", "Timeout: 29"},
	"a handler that is not there":                  {"Globals", "Handler: bootstrap", "Handler: main"},
	"two functions of one folder":                  {"Forwarder", "CodeUri: functions/forwarder/", "CodeUri: functions/receiver/"},
	"a folder that is not there":                   {"Forwarder", "CodeUri: functions/forwarder/", "CodeUri: functions/forward/"},
	"a function that SAM does not build":           {"Receiver", "    Metadata:\n      BuildMethod: go1.x\n", ""},
	"a function in a VPC":                          {"Receiver", "      MemorySize: 256\n", "      MemorySize: 256\n      VpcConfig: {SubnetIds: [subnet-1], SecurityGroupIds: [sg-1]}\n"},
	"a log group that nobody writes to":            {"Receiver", "LogGroup: !Ref ReceiverLogs", "LogGroup: /aws/lambda/other"},
	"a log that is kept for ever":                  {"ReceiverLogs", "      RetentionInDays: !Ref LogRetentionDays\n", ""},
	"logs as text":                                 {"Globals", "LogFormat: JSON", "LogFormat: Text"},
	"debug logs":                                   {"Globals", "ApplicationLogLevel: INFO", "ApplicationLogLevel: DEBUG"},
	"a variable that the function does not read":   {"Receiver", "          MAX_BODY_BYTES:", "          MAX_BODY_SIZE:"},
	"a secret as a variable":                       {"Receiver", "          SECRETS_PREFIX:", "          SHARED_SECRET: lantern\n          SECRETS_PREFIX:"},
	"the receiver sends where nobody listens":      {"Receiver", "${AWS::StackName}-events.fifo", "${AWS::StackName}-event.fifo"},

	// The API.
	"a method that does not exist":         {"Api", "            post:", "            psot:"},
	"every method":                         {"Api", "            post:", "            x-amazon-apigateway-any-method:"},
	"a route that takes every path":        {"Api", "/purchasely/{app}:", "/{proxy+}:"},
	"the old payload format":               {"Api", `payloadFormatVersion: "2.0"`, `payloadFormatVersion: "1.0"`},
	"an API that outlasts Purchasely":      {"Api", "timeoutInMillis: 9000", "timeoutInMillis: 29000"},
	"a stage with a name in the path":      {"Api", "StageName: $default", "StageName: default"},
	"the caller's address in the log":      {"Api", `"$context.requestId"`, `"$context.identity.sourceIp"`},
	"the path in the log":                  {"Api", `"$context.routeKey"`, `"$context.path"`},
	"an access log that is no JSON":        {"Api", `{"requestId"`, `"requestId"`},
	"a variable that API Gateway has not":  {"Api", "$context.responseLatency", "$context.responseTime"},
	"an access log in another's log group": {"Api", "!GetAtt ApiLogs.Arn", "!GetAtt ReceiverLogs.Arn"},

	// The table.
	"a table without expiry":               {"SubscribersTable", "Enabled: true", "Enabled: false"},
	"a table that expires by another name": {"SubscribersTable", "AttributeName: expires", "AttributeName: expiry"},
	"a table that goes with the stack":     {"SubscribersTable", "DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Delete"},
	"a table without recovery":             {"SubscribersTable", "PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false"},
	"a table with a key of another name":   {"SubscribersTable", "AttributeName: subscriber, KeyType", "AttributeName: id, KeyType"},
	"a table of fixed capacity":            {"SubscribersTable", "BillingMode: PAY_PER_REQUEST", "BillingMode: PROVISIONED"},

	// The deployment of the receiver.
	"the API calls the function past its alias":     {"Api", "${Receiver.Arn}:live", "${Receiver.Arn}"},
	"everybody may call the receiver":               {"ReceiverPermission", "/*/POST/purchasely/*", "/*"},
	"a permission that is not the alias's":          {"ReceiverPermission", "!Ref Receiver.Alias", "!Ref Receiver"},
	"a property's change that no version has":       {"Receiver", "      AutoPublishAliasAllProperties: true\n", ""},
	"a parameter's change that no version has":      {"Receiver", "${QueueType} ", ""},
	"a version for a parameter that is not its own": {"Receiver", "VersionDescription: !Sub", "VersionDescription: !Sub ${RetryDelay}"},
	"a description that is too long":                {"Parameters", "    MaxLength: 90\n", "    MaxLength: 250\n"},

	// Alarms and dashboard.
	"an alarm on a metric that is misspelt":          {"RejectedAlarm", "MessagesRejected", "MessagesRefused"},
	"an alarm on a namespace that is misspelt":       {"BreakerAlarm", "PurchaselyCleverTap", "PurchaselyClevertap"},
	"an alarm by a dimension that nobody writes":     {"CredentialsAlarm", "      Statistic: Sum", "      Dimensions: [{Name: Account, Value: demo}]\n      Statistic: Sum"},
	"an alarm on a reason that nobody has":           {"SignatureAlarm", "Value: unauthorized", "Value: unauthorised"},
	"an alarm on a queue by its URL":                 {"FifoAgeAlarm", "!GetAtt EventsFifoQueue.QueueName", "!Ref EventsFifoQueue"},
	"an alarm by a dimension that SQS has not":       {"FifoAgeAlarm", "Name: QueueName", "Name: QueueURL"},
	"an alarm on the wrong queue":                    {"FifoDeadLettersAlarm", "EventsFifoDeadLetterQueue", "EventsFifoQueue"},
	"an alarm that no data sets off":                 {"RejectedAlarm", "TreatMissingData: notBreaching", "TreatMissingData: breaching"},
	"silence that no data does not set off":          {"SilenceAlarm", "TreatMissingData: breaching", "TreatMissingData: notBreaching"},
	"silence that is an alarm when it is loud":       {"SilenceAlarm", "LessThanThreshold", "GreaterThanThreshold"},
	"an alarm that nobody hears":                     {"SilenceAlarm", "      AlarmActions: [!If [TellTopic, !Ref AlarmTopicArn, !Ref AWS::NoValue], !If [TellMail, !Ref AlarmTopic, !Ref AWS::NoValue]]\n", ""},
	"an alarm that acts on a queue":                  {"BreakerAlarm", "!If [TellMail, !Ref AlarmTopic,", "!If [TellMail, !GetAtt RejectedQueue.Arn,"},
	"an alarm without advice":                        {"BreakerAlarm", "docs/guide/runbook.md#alarm-open-breaker", "Good luck."},
	"an alarm with advice that is not there":         {"BreakerAlarm", "docs/guide/runbook.md#alarm-open-breaker", "docs/guide/runbook.md#alarm-open-breakers"},
	"an alarm at all messages in flight":             {"FifoInFlightAlarm", "Threshold: 60000", "Threshold: 120000"},
	"a window longer than CloudWatch looks back":     {"SilenceAlarm", "Period: 3600", "Period: 21600"},
	"an alarm that is not on the dashboard":          {"Dashboard", `"${BreakerAlarm.Arn}",`, ""},
	"a dashboard that is no JSON":                    {"Dashboard", `"widgets":[`, `"widgets":`},
	"a dashboard with a metric that is misspelt":     {"Dashboard", `"EventAge"`, `"EventsAge"`},
	"a dashboard without a metric":                   {"Dashboard", `["PurchaselyCleverTap","SchemaDrift",`, `["PurchaselyCleverTap","WebhooksQueued",`},
	"a dashboard that searches by another dimension": {"Dashboard", "{PurchaselyCleverTap,App}", "{PurchaselyCleverTap,Application}"},
	"a dashboard with a metric that AWS has not":     {"Dashboard", `"AWS/ApiGateway","5xx"`, `"AWS/ApiGateway","5XXError"`},
	"a dashboard that asks for what no line has":     {"Dashboard", "by outcome, reason, code, app, event", "by outcome, cause, code, app, event"},
	"a widget upon another":                          {"Dashboard", `"x":12,"y":4`, `"x":6,"y":4`},
	"a dashboard of another Region":                  {"Dashboard", `"region":"${AWS::Region}"`, `"region":"us-east-1"`},

	// The parameters and outputs.
	"a prefix with a wildcard":        {"Parameters", `"^[A-Za-z0-9][A-Za-z0-9/_.-]{0,126}[A-Za-z0-9]$"`, `"^.*$"`},
	"a pattern that is none":          {"Parameters", `"^([1-9]|[1-8][0-9]|90)s$"`, `"^([1-9]|[1-8][0-9]|90s$"`},
	"a pattern that is open":          {"Parameters", `"^([1-9]|[1-8][0-9]|90)s$"`, `"([1-9]|[1-8][0-9]|90)s"`},
	"a parameter that is not used":    {"Forwarder", "!Ref BreakerPause", "30s"},
	"a parameter that takes anything": {"Parameters", "    AllowedValues: [fifo, standard]\n", ""},
	"a secret as a parameter":         {"Parameters", "  BreakerPause:\n    Type: String\n", "  BreakerPause:\n    Type: String\n    NoEcho: true\n"},
	"an output of the wrong queue":    {"Outputs", "Value: !Ref RejectedQueue", "Value: !Ref EventsFifoQueue"},
}

// TestSeededFaultsAreFound puts every mutation into the template, one at a time, and wants a check to find it.
func TestSeededFaultsAreFound(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names, texts []string
	for name, m := range mutations {
		mutant, ok := m.apply(string(text))
		if !ok {
			t.Errorf("%s: the template's %s does not have %q any more", name, m.section, m.old)
			continue
		}
		names, texts = append(names, name), append(texts, mutant)
	}
	all, err := translate(texts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			if found := findings(all[i]); len(found) == 0 {
				t.Error("nobody finds it")
			} else {
				t.Log(found[0])
			}
		})
	}
}

// findings are what the checks find in any variant of a template.
func findings(t template) []string {
	if t.Error != "" {
		return []string{t.Error}
	}
	var found []string
	for _, given := range variants {
		s := newStack(t, given)
		for _, check := range checks {
			found = append(found, check(s)...)
		}
	}
	return found
}

// apply changes the first place in the section that has the old text. A section is a line that ends in a colon, and the lines below it
// that are indented further.
func (m mutation) apply(text string) (string, bool) {
	lines := strings.SplitAfter(text, "\n")
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	begin := slices.IndexFunc(lines, func(line string) bool { return strings.TrimSpace(line) == m.section+":" })
	if begin < 0 {
		return "", false
	}
	end := begin + 1
	for end < len(lines) && (strings.TrimSpace(lines[end]) == "" || indent(lines[end]) > indent(lines[begin])) {
		end++
	}
	block := strings.Join(lines[begin:end], "")
	changed := strings.Replace(block, m.old, m.new, 1)
	return strings.Join(lines[:begin], "") + changed + strings.Join(lines[end:], ""), changed != block
}
