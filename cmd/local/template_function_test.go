//go:build template

package main_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

const lambda = "AWS::Lambda::Function"

// grants are all that a role may do, on which resource. A key and traces are granted only where they are wanted.
func (s *stack) grants(role string) string {
	granted := map[string]bool{}
	grant := func(resource string, actions ...string) {
		for _, action := range actions {
			granted[action+" on "+resource] = true
		}
	}
	kind, queueActions := "purchasely", []string{"sqs:SendMessage"}
	consume := strings.Fields("sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes sqs:ChangeMessageVisibility")
	queues := []string{"EventsFifoQueue.Arn", "EventsStandardQueue.Arn"}
	switch role {
	case "ReceiverRole": // also while nothing is relayed
		queues = append(queues, "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-relay.fifo")
	case "ForwarderRole":
		kind, queueActions = "clevertap", consume
		grant("RejectedQueue.Arn", "sqs:SendMessage")
	case "RelayRole":
		kind, queueActions, queues = "relay", consume, []string{"RelayQueue.Arn"}
	case "UsersRole":
		kind, queueActions = "users", nil
		grant("SubscribersTable.Arn", "dynamodb:BatchGetItem", "dynamodb:PutItem")
	case "HeartbeatRole":
		queueActions = nil
	case "HeartbeatScheduleRole":
		return "lambda:InvokeFunction on Heartbeat.Arn"
	}
	for _, queue := range queues {
		grant(queue, queueActions...)
	}
	// Secrets Manager adds a hyphen and six characters to a secret's name.
	secret := "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:purchasely-clevertap/*/" + kind
	grant(secret+"-??????", "secretsmanager:GetSecretValue")
	if kind == "relay" { // There need not be one, and without one its ARN has no such end.
		grant(secret, "secretsmanager:GetSecretValue")
	}
	grant(strings.TrimSuffix(role, "Role")+"Logs.Arn", "logs:CreateLogStream", "logs:PutLogEvents")
	if s.parameters["Settings"] == "on" {
		grant("${SettingsBucket.Arn}/integrations.yaml", "s3:GetObject", "s3:GetObjectVersion")
		grant("SettingsBucket.Arn", "s3:ListBucket", "s3:ListBucketVersions")
	}
	if role == "ForwarderRole" && s.parameters["Subscribers"] == "on" {
		grant("SubscribersTable.Arn", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:PutItem")
	}
	if s.parameters["KmsKeyArn"] != "" && queueActions != nil { // The key is the queues'.
		grant(keyARN, "kms:Decrypt")
		if role != "RelayRole" { // which sends nothing
			grant(keyARN, "kms:GenerateDataKey")
		}
	}
	if s.parameters["Tracing"] == "on" {
		grant("*", "xray:PutTraceSegments", "xray:PutTelemetryRecords")
	}
	return keys(granted)
}

// personAttributes is the one condition of a role: of the table's attributes, only those of a person.
var personAttributes = node{
	"ForAllValues:StringEquals": node{"dynamodb:Attributes": []any{
		"subscriber", "item", "expires", "clevertap_id", "observed_at", "suppressed_at", "restored_at",
	}},
	"StringEqualsIfExists": node{"dynamodb:Select": "SPECIFIC_ATTRIBUTES", "dynamodb:ReturnValues": "NONE"},
}

func rolesAreExact(s *stack) {
	roles := s.of("AWS::IAM::Role")
	s.wantNames("roles", "ForwarderRole HeartbeatRole HeartbeatScheduleRole ReceiverRole RelayRole UsersRole", keys(roles))
	for name, role := range roles {
		s.fault(role["ManagedPolicyArns"] != nil, "%s has managed policies", name)
		granted := map[string]bool{}
		for _, policy := range list(role["Policies"]) {
			for _, statement := range list(at(policy, "PolicyDocument", "Statement")) {
				statement := maps.Clone(object(statement))
				if name == "UsersRole" && statement["Resource"] == "SubscribersTable.Arn" {
					s.want(name+": condition", personAttributes, statement["Condition"])
					delete(statement, "Condition")
				}
				s.fault(statement["Effect"] != "Allow" || len(statement) != 3,
					"%s: a statement has more than effect, action and resource", name)
				for _, action := range list(statement["Action"]) {
					action := fmt.Sprint(action)
					for _, resource := range list(statement["Resource"]) {
						s.fault(strings.Contains(action, "*"), "%s: action %s has a wildcard", name, action)
						s.fault(resource == "*" && !strings.HasPrefix(action, "xray:"), "%s: %s on everything", name, action)
						granted[fmt.Sprint(action, " on ", resource)] = true
					}
				}
			}
		}
		s.want("actions of "+name, s.grants(name), keys(granted))
	}
	for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"} {
		s.fault(len(s.of(kind)) > 0, "%s: rights are written into the roles only", kind)
	}
	for name := range s.of(lambda) {
		s.wantAll(name, node{"Role": short(name) + "Role.Arn"})
	}
}

// short is a function's name without the word that tells it from a parameter.
func short(function string) string { return strings.TrimSuffix(function, "Function") }

func rolesTrustLambda(s *stack) {
	for name := range s.of("AWS::IAM::Role") {
		trust := node{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": node{"Service": "lambda.amazonaws.com"}}
		if name == "HeartbeatScheduleRole" { // Without the condition, another account's schedule might take it.
			trust["Principal"] = node{"Service": "scheduler.amazonaws.com"}
			trust["Condition"] = node{"StringEquals": node{"aws:SourceAccount": "AWS::AccountId"}}
		}
		s.wantAll(name, node{"AssumeRolePolicyDocument.Statement": []any{trust}})
	}
}

func functionsAreBuilt(s *stack) {
	folders := map[any]string{}
	for name, resource := range object(s.Source["Resources"]) {
		if at(resource, "Type") != "AWS::Serverless::Function" {
			continue
		}
		folder := at(resource, "Properties", "CodeUri")
		s.want(name+": CodeUri", "functions/"+strings.ToLower(short(name))+"/", folder)
		s.fault(folders[folder] != "", "%s and %s share a folder, so SAM gives both the first binary", name, folders[folder])
		folders[folder] = name
		_, err := os.Stat(filepath.Join("../..", fmt.Sprint(folder), "main.go"))
		s.fault(err != nil, "%s: %v", name, err)
		s.want(name+": BuildMethod", "go1.x", at(resource, "Metadata", "BuildMethod"))
	}
	s.wantNames("functions", "Forwarder Heartbeat Receiver RelayFunction Users", keys(s.of(lambda)))
	if s.relays() {
		s.wantAll("RelayFunction", node{"MemorySize": 256, "Timeout": 60})
	}
	for name := range s.of(lambda) {
		s.wantAll(name, node{
			"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": "[arm64]",
			"DeadLetterConfig": nil, // A mapping never uses a function's own.
			"VpcConfig":        nil, // It has no way to CleverTap.
		})
	}
	s.wantAll("Receiver", node{"MemorySize": 256})
	memory := map[any]int{"fifo": 128, "standard": 512}[s.parameters["QueueType"]]
	s.wantAll("Forwarder", node{"MemorySize": memory, "Timeout": 30})
}

func environmentsAreExact(s *stack) {
	queue := map[any]string{"fifo": "EventsFifoQueue", "standard": "EventsStandardQueue"}[s.parameters["QueueType"]]
	url := func(queue string) string {
		return fmt.Sprintf("https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/%v", s.get(queue, "QueueName"))
	}
	p := s.parameters
	bucket := map[any]string{"on": "SettingsBucket", "off": ""}[p["Settings"]]
	posted := "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/purchasely/{app}"
	if domain := p["DomainName"]; domain != "" {
		posted = fmt.Sprintf("https://%v/purchasely/{app}", domain)
	}
	want := map[string]node{
		"Receiver": {
			"QUEUE_URL": url(queue), "MAX_BODY_BYTES": p["MaxBodyBytes"], "TIMESTAMP_TOLERANCE": p["TimestampTolerance"],
			"ALLOWED_SOURCES": p["AllowedSources"], "RELAY_QUEUE_URL": map[bool]string{true: "RelayQueue"}[s.relays()],
			"SETTINGS_REFRESH": "60s",
		},
		"Forwarder": {
			"REJECTED_QUEUE_URL": url("RejectedQueue"), "CLEVERTAP_ENDPOINT": p["CleverTapEndpoint"],
			"UPLOAD_TIMEOUT": p["UploadTimeout"], "UPLOAD_CONCURRENCY": "1",
			"RETRY_DELAY": p["RetryDelay"], "BREAKER_PAUSE": p["BreakerPause"],
			"SUBSCRIBERS_TABLE": map[any]string{"on": "SubscribersTable", "off": ""}[p["Subscribers"]],
			"JOURNAL":           p["Journal"], "JOURNAL_DAYS": p["JournalDays"], "SETTINGS_REFRESH": p["SettingsRefresh"],
		},
		"Heartbeat": {"WEBHOOK_URL": posted, "SETTINGS_REFRESH": "60s"},
		"Users":     {"SUBSCRIBERS_TABLE": "SubscribersTable", "SETTINGS_REFRESH": "60s"},
		"RelayFunction": {
			"RETRY_DELAY": "10s", "BREAKER_PAUSE": p["BreakerPause"], "SETTINGS_REFRESH": p["SettingsRefresh"],
			"RELAY_ALLOW_PRIVATE": map[any]string{"on": "true", "off": "false"}[p["RelayAllowPrivate"]],
		},
	}
	for name, want := range want {
		if s.of(lambda)[name] == nil {
			continue
		}
		want["SECRETS_PREFIX"], want["SETTINGS_BUCKET"] = p["SecretsPrefix"], bucket
		variables := object(s.get(name, "Environment", "Variables"))
		s.want(name+": variables", want, variables)
		for variable, value := range variables {
			_, isText := value.(string)
			s.fault(!isText, "%s: %s is no text, as a variable has to be", name, variable)
		}
	}
}

func logsAreKept(s *stack) {
	groups := s.of("AWS::Logs::LogGroup")
	for name, group := range groups {
		physical := fmt.Sprint(group["LogGroupName"])
		s.fault(!strings.Contains(physical, "/${AWS::StackName}-"), "%s: name %s is not the stack's", name, physical)
		s.want(name+": retention", s.parameters["LogRetentionDays"], group["RetentionInDays"])
	}
	for name := range s.of(lambda) {
		s.wantAll(name, node{"LoggingConfig": node{
			"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN", "LogGroup": short(name) + "Logs",
		}})
		s.fault(groups[short(name)+"Logs"] == nil, "%s: no log group", name)
	}
}

// route is one path of the API: the function behind it as it is called, and who may invoke it.
type route struct{ function, called, invoked string }

func apiHasItsRoutes(s *stack) {
	s.want("APIs", "Api", keys(s.of("AWS::ApiGatewayV2::Api")))
	want := map[string]route{"/purchasely/{app}": {"Receiver", "${Receiver.Arn}:live", "ReceiverAliaslive"}}
	if s.takesUsers() {
		want["/users/{app}"] = route{"Users", "${Users.Arn}", "Users"}
	}
	paths := object(s.get("Api", "Body", "paths"))
	s.want("paths", keys(want), keys(paths))
	s.want("permissions", len(want), len(s.of("AWS::Lambda::Permission")))
	for path, r := range want {
		methods := object(paths[path])
		s.want(path+": methods", "post", keys(methods))
		integration := object(at(methods["post"], "x-amazon-apigateway-integration"))
		s.want(path+": payload format", "2.0", integration["payloadFormatVersion"])
		s.want(path+": integration", "aws_proxy", integration["type"])
		s.want(path+": function", "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"+
			r.called+"/invocations", integration["uri"])
		s.want(path+": method of the integration", "POST", integration["httpMethod"])

		// The code answers by itself within 5 s; each that waits for another waits longer. Purchasely gives up after 10 s
		// (Purchasely, "Webhook", November 2026).
		waits := []int{5000, 1000 * number(s.get(r.function, "Timeout")), number(integration["timeoutInMillis"]), 10_000}
		for i := range waits[1:] {
			s.fault(waits[i] >= waits[i+1], "%s: time-outs do not end in order: %v ms", path, waits)
		}
		permission := r.function + "Permission"
		s.wantAll(permission, node{"FunctionName": r.invoked, "Principal": "apigateway.amazonaws.com"})
		exact := strings.HasSuffix(fmt.Sprint(s.get(permission, "SourceArn")), "/POST"+strings.Replace(path, "{app}", "*", 1))
		s.fault(!exact, "%s: wider than the route", permission)
	}
	throttled := ""
	if s.takesUsers() {
		throttled = "map[POST /users/{app}:map[ThrottlingBurstLimit:40 ThrottlingRateLimit:20]]"
	}
	for name := range s.of("AWS::ApiGatewayV2::Stage") {
		s.wantAll(name, node{"StageName": "$default"})
		settings := s.get(name, "RouteSettings")
		s.fault((settings != nil || throttled != "") && fmt.Sprint(settings) != throttled,
			"routes are throttled: %v", settings)
	}
}

// accessLogFields are the variables that an access log may hold here: what API Gateway knows by itself, and nothing
// that a caller chose or is known by (AWS, "Logging variables for HTTP API access logs", November 2026).
const accessLogFields = "$context.requestId $context.requestTime $context.routeKey $context.status " +
	"$context.responseLatency $context.integrationStatus $context.integrationLatency $context.integrationErrorMessage"

func accessLogNamesNobody(s *stack) {
	s.want("stages", 1, len(s.of("AWS::ApiGatewayV2::Stage")))
	for name, stage := range s.of("AWS::ApiGatewayV2::Stage") {
		s.wantAll(name, node{"AccessLogSettings.DestinationArn": "ApiLogs.Arn"})
		var line map[string]string
		err := json.Unmarshal(fmt.Append(nil, at(stage, "AccessLogSettings", "Format")), &line)
		s.fault(err != nil || len(line) == 0, "%s: the format is no JSON: %v", name, err)
		for key, value := range line {
			s.fault(!slices.Contains(strings.Fields(accessLogFields), value), "%s: %s is %s", name, key, value)
		}
	}
}

// hardeningIsOptional compares what the parameters switch on with what they leave alone.
func hardeningIsOptional(s *stack) {
	on := s.parameters["DomainName"] != ""
	when := func(value any) any {
		if on {
			return value
		}
		return nil
	}
	s.wantAll("Receiver", node{"ReservedConcurrentExecutions": when("20")})
	s.wantAll("Forwarder", node{"ReservedConcurrentExecutions": when(15)})
	for name := range s.of(lambda) {
		s.wantAll(name, node{"TracingConfig.Mode": when("Active")})
	}
	for name := range s.of("AWS::ApiGatewayV2::Stage") {
		limits := node{"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": "50"}
		s.wantAll(name, node{"DefaultRouteSettings": when(limits)})
	}
	s.wantNames("domains", "Domain", keys(s.of("AWS::ApiGatewayV2::DomainName")))
	s.wantNames("mappings of domains", "DomainMapping", keys(s.of("AWS::ApiGatewayV2::ApiMapping")))
	if !on {
		return
	}
	s.wantAll("Domain", node{"DomainName": "hooks.example.com", "DomainNameConfigurations": []any{node{
		"CertificateArn": certificateARN, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2",
	}}})
	s.wantAll("DomainMapping", node{"ApiId": "Api", "DomainName": "Domain", "Stage": "ApiApiGatewayDefaultStage"})
}

// aliasFollowsEveryChange checks that a change arrives at the alias that the API calls: SAM publishes a version when
// the text of a property changes, CloudFormation when the version's description does, so every parameter of the
// function has to be in the description. One that is not the version's must not: Lambda publishes no version twice.
func aliasFollowsEveryChange(s *stack) {
	s.want("aliases", "ReceiverAliaslive", keys(s.of("AWS::Lambda::Alias")))
	s.wantAll("ReceiverAliaslive", node{"Name": "live"})
	source := maps.Clone(object(at(s.Source, "Resources", "Receiver", "Properties")))
	s.want("AutoPublishAliasAllProperties", true, source["AutoPublishAliasAllProperties"])
	described := s.mentioned(source["VersionDescription"])
	for _, notOfTheVersion := range []string{
		"AutoPublishAlias", "AutoPublishAliasAllProperties", "VersionDescription", "DeploymentPreference",
		"ReservedConcurrentExecutions", "Role",
	} {
		delete(source, notOfTheVersion)
	}
	needed := s.mentioned([]any{source, at(s.Source, "Globals", "Function")})
	s.want("parameters in the version's description", keys(needed), keys(described))
	for name, version := range s.of("AWS::Lambda::Version") {
		longest := fmt.Sprint(version["Description"])
		for parameter := range described {
			value := strings.Repeat("x", s.longestValue(parameter))
			longest = strings.Replace(longest, fmt.Sprint(s.parameters[parameter]), value, 1)
		}
		const most = 256 // AWS::Lambda::Version (AWS CloudFormation template reference, November 2026)
		s.fault(len(longest) > most, "%s: a description of up to %d characters", name, len(longest))
	}
}

// longestValue is how long a parameter's value may be.
func (s *stack) longestValue(parameter string) int {
	p := object(at(s.Source, "Parameters", parameter))
	longest := map[string]int{"SecretsPrefix": 128, "TimestampTolerance": len("9999999s")}[parameter] // by their patterns
	for _, value := range append(list(p["AllowedValues"]), list(p["MaxValue"])...) {
		longest = max(longest, len(fmt.Sprint(value)))
	}
	return max(longest, number(p["MaxLength"]))
}

// mentioned are the parameters that a value depends on, through conditions as well.
func (s *stack) mentioned(value any) map[string]bool {
	found := map[string]bool{}
	switch value := value.(type) {
	case []any:
		for _, inner := range value {
			maps.Copy(found, s.mentioned(inner))
		}
	case node:
		for key, inner := range value {
			for name := range s.parameters {
				if key == "Ref" && inner == name || key == "Fn::Sub" && strings.Contains(fmt.Sprint(inner), "${"+name+"}") {
					found[name] = true
				}
			}
			if key == "Fn::If" {
				maps.Copy(found, s.mentioned(at(s.Source, "Conditions", fmt.Sprint(list(inner)[0]))))
			}
			maps.Copy(found, s.mentioned(inner))
		}
	}
	return found
}

// TestTheCanary reads the template with the canary switched on, which SAM has to know before it transforms.
func TestTheCanary(t *testing.T) {
	on, ok := mutation{`Default: "off"`, `Default: "on"`}.apply("Canary", templateText(t))
	if !ok {
		t.Fatal("the parameter Canary has another form")
	}
	s := newStack(translate(t, on)[0], nil)
	faults := s.find(canaryIsTheReceivers)
	delete(s.resources, "CodeDeployServiceRole") // SAM's own role is all that the other rules do not know.
	for _, check := range checks {
		faults = append(faults, s.find(check)...)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func canaryIsTheReceivers(s *stack) {
	s.want("deployment groups", "ReceiverDeploymentGroup", keys(s.of("AWS::CodeDeploy::DeploymentGroup")))
	s.wantAll("ReceiverDeploymentGroup", node{
		"DeploymentConfigName":       "CodeDeployDefault.LambdaCanary10Percent5Minutes",
		"AlarmConfiguration.Alarms":  "[map[Name:ReceiverErrorsAlarm] map[Name:ApiErrorsAlarm] map[Name:SignatureAlarm]]",
		"AlarmConfiguration.Enabled": true,
	})
	events := list(s.get("ReceiverDeploymentGroup", "AutoRollbackConfiguration", "Events"))
	s.fault(!slices.Contains(events, any("DEPLOYMENT_STOP_ON_ALARM")), "an alarm does not roll back")
	s.want("what moves the alias", "ReceiverDeploymentGroup", at(s.resources, "ReceiverAliaslive", "UpdatePolicy",
		"CodeDeployLambdaAliasUpdate", "DeploymentGroupName"))
	s.wantAll("CodeDeployServiceRole", node{
		"ManagedPolicyArns": "[arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda]", "Policies": nil,
	})
	trusted := list(s.get("CodeDeployServiceRole", "AssumeRolePolicyDocument", "Statement"))
	s.want("who takes CodeDeploy's role", "map[Service:[codedeploy.amazonaws.com]]", at(trusted[0], "Principal"))
}
