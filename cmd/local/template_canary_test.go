//go:build template

package main_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestTheCanary reads the template as it is with the canary switched on, which SAM has to know before it transforms.
func TestTheCanary(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	on, ok := mutation{"Canary", `Default: "off"`, `Default: "on"`}.apply(string(text))
	if !ok {
		t.Fatal("the parameter Canary has another form")
	}
	all, err := translate(on)
	if err != nil || all[0].Error != "" {
		t.Fatal(err, all[0].Error)
	}
	s := newStack(all[0], nil)
	for _, fault := range canaryIsTheReceivers(s) {
		t.Error(fault)
	}
	// SAM's own role is the only thing that the other rules do not know.
	delete(s.resources, "CodeDeployServiceRole")
	for name, check := range checks {
		for _, fault := range check(s) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

func canaryIsTheReceivers(s stack) []string {
	var f faults
	groups := s.of("AWS::CodeDeploy::DeploymentGroup")
	f.want("deployment groups", "[ReceiverDeploymentGroup]", slices.Sorted(maps.Keys(groups)))
	group := groups["ReceiverDeploymentGroup"]
	f.want("deployment", "CodeDeployDefault.LambdaCanary10Percent5Minutes", group["DeploymentConfigName"])
	f.want("brakes", "[map[Name:ReceiverErrorsAlarm] map[Name:ApiErrorsAlarm] map[Name:SignatureAlarm]]", at(group, "AlarmConfiguration", "Alarms"))
	f.want("brakes on", true, at(group, "AlarmConfiguration", "Enabled"))
	f.when(!slices.Contains(list(at(group, "AutoRollbackConfiguration", "Events")), any("DEPLOYMENT_STOP_ON_ALARM")), "an alarm does not roll back")
	policy := at(s.resources["ReceiverAliaslive"], "UpdatePolicy", "CodeDeployLambdaAliasUpdate")
	f.want("who moves the alias", "ReceiverDeploymentGroup", at(policy, "DeploymentGroupName"))

	role := s.of("AWS::IAM::Role")["CodeDeployServiceRole"]
	f.want("CodeDeploy's rights", "[arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda]", role["ManagedPolicyArns"])
	f.when(role["Policies"] != nil, "CodeDeploy's role has rights of its own")
	f.want("who takes CodeDeploy's role", "map[Service:[codedeploy.amazonaws.com]]", at(list(at(role, "AssumeRolePolicyDocument", "Statement"))[0], "Principal"))
	return f
}

// aliasFollowsEveryChange holds what makes a change arrive at the alias that the API calls: SAM publishes a version when the text of a
// property changes, CloudFormation when the version's description does, so every parameter of the function has to stand there. One that is
// none of the version's must not: nothing would have changed, and Lambda publishes no version twice.
func aliasFollowsEveryChange(s stack) []string {
	var f faults
	aliases := s.of("AWS::Lambda::Alias")
	f.want("aliases", "[ReceiverAliaslive]", slices.Sorted(maps.Keys(aliases)))
	f.want("alias", "live", aliases["ReceiverAliaslive"]["Name"])
	source := maps.Clone(object(at(s.Source, "Resources", "Receiver", "Properties")))
	f.want("AutoPublishAliasAllProperties", true, source["AutoPublishAliasAllProperties"])
	described := s.mentioned(source["VersionDescription"])
	for _, notOfTheVersion := range []string{
		"AutoPublishAlias", "AutoPublishAliasAllProperties", "VersionDescription", "DeploymentPreference", "ReservedConcurrentExecutions", "Role",
	} {
		delete(source, notOfTheVersion)
	}
	needed := s.mentioned([]any{source, at(s.Source, "Globals", "Function")})
	f.want("parameters in the version's description", needed, described)

	for name, version := range s.of("AWS::Lambda::Version") {
		longest := fmt.Sprint(version["Description"])
		for _, parameter := range described {
			longest = strings.Replace(longest, fmt.Sprint(s.parameters[parameter]), strings.Repeat("x", longestValue(s, parameter)), 1)
		}
		const most = 256 // AWS::Lambda::Version (AWS CloudFormation template reference, November 2026)
		f.when(len(longest) > most, "%s: a description of up to %d characters", name, len(longest))
	}
	return f
}

// longestValue is how long a parameter's value may be.
func longestValue(s stack, parameter string) int {
	p := object(at(s.Source, "Parameters", parameter))
	if n := number(p["MaxLength"]); n > 0 {
		return n
	}
	if values := list(p["AllowedValues"]); len(values) > 0 {
		return len(fmt.Sprint(slices.MaxFunc(values, func(a, b any) int { return len(fmt.Sprint(a)) - len(fmt.Sprint(b)) })))
	}
	if p["MaxValue"] != nil {
		return len(fmt.Sprint(number(p["MaxValue"])))
	}
	return map[string]int{"SecretsPrefix": 128, "TimestampTolerance": len("9999999s")}[parameter] // as their patterns have it
}

// mentioned lists the parameters that a value depends on, through conditions as well.
func (s stack) mentioned(value any) []string {
	found := map[string]bool{}
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, inner := range value {
				walk(inner)
			}
		case node:
			for key, inner := range value {
				switch text, _ := inner.(string); key {
				case "Ref":
					found[text] = s.parameters[text] != nil
				case "Fn::Sub":
					for name := range s.parameters {
						found[name] = found[name] || strings.Contains(fmt.Sprint(inner), "${"+name+"}")
					}
				case "Fn::If":
					walk(at(s.Source, "Conditions", fmt.Sprint(list(inner)[0])))
				}
				walk(inner)
			}
		}
	}
	walk(value)
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(found))
}
