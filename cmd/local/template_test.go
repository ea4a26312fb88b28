//go:build template

// The template's tests hold what linters let through: they read it as CloudFormation gets it, after SAM's transform.
package main_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// checks are all rules about the template, by what holds. Each adds its faults to the stack.
var checks = map[string]func(*stack){
	"each role may do exactly what its function does":                   rolesAreExact,
	"every role is for Lambda and for nobody else":                      rolesTrustLambda,
	"every queue refuses plain HTTP to everybody and allows nobody":     queuesWantTLS,
	"every queue is encrypted, keeps messages for 14 days and stays":    queuesKeepMessages,
	"a FIFO queue has high throughput and every message its own id":     fifoQueuesAreFast,
	"a queue and its dead-letter queue are of one kind":                 deadLetterQueuesFit,
	"three days without a back end move nothing to a dead-letter queue": backEndHasThreeDays,
	"a day without CleverTap moves nothing to a dead-letter queue":      outageOfADayIsSurvived,
	"every mapping reports failures per message, within SQS's limits":   mappingsFitTheirQueues,
	"visibility is six times the time-out of its reader":                visibilityExceedsTimeout,
	"the forwarders of both mappings stay within CleverTap's fifteen":   uploadsStayWithinTheCap,
	"every function is built from a folder of its own":                  functionsAreBuilt,
	"the functions get the environment that they read":                  environmentsAreExact,
	"every function logs JSON into a group of its own, kept for a time": logsAreKept,
	"the API has its routes, and time-outs that end in order":           apiHasItsRoutes,
	"the access log is JSON and names nobody":                           accessLogNamesNobody,
	"every parameter is described, limited, grouped and used":           parametersAreComplete,
	"patterns take what is right and refuse what is not":                patternsFit,
	"the outputs name what tools look up":                               outputsAreThere,
	"what hardens the stack is off by default, and complete when on":    hardeningIsOptional,
	"the subscriber table is bounded, encrypted, recoverable and stays": subscriberTableIsKept,
	"the settings keep versions, want TLS, are encrypted and stay":      settingsAreKept,
	"heartbeats come from a schedule that repeats none":                 heartbeatsAreScheduled,
	"every change of the receiver arrives at the alias":                 aliasFollowsEveryChange,
	"every alarm looks at a metric that somebody writes":                alarmsLookAtWhatIsWritten,
	"every alarm rings when it should, and at silence only for silence": alarmsRingOnce,
	"every alarm says what to do, and the runbook says it at length":    alarmsSayWhatToDo,
	"every alarm reaches the topic and the address that are given":      alarmsReachSomebody,
	"the dashboard shows every metric, and none that nobody writes":     dashboardShowsAllThatIsWritten,
	"the dashboard is whole and in order":                               dashboardIsWhole,
}

const (
	topicARN       = "arn:aws:sns:eu-west-1:123456789012:alarms"
	certificateARN = "arn:aws:acm:eu-west-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
	keyARN         = "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555"
)

// variants are the parameters that make different stacks.
var variants = map[string]node{
	"fifo":                     {"QueueType": "fifo"},
	"standard":                 {"QueueType": "standard"},
	"without subscriber state": {"Subscribers": "off"},
	"without settings":         {"Settings": "off"},
	"with every part":          {"UsersEndpoint": "on", "HeartbeatMinutes": "5", "Relay": "on"},
	"a heartbeat a minute":     {"HeartbeatMinutes": "1", "Settings": "off"},
	"with a topic":             {"AlarmTopicArn": topicARN},
	"with mail":                {"AlarmEmail": "oncall@example.com", "AlarmTopicArn": topicARN},
	"without silence":          {"SilenceHours": "0"},
	"hardened": { // everything that is off by default
		"AllowedSources": "203.0.113.7,198.51.100.0/24", "ThrottleRate": "50", "ReceiverConcurrency": "20",
		"DomainName": "hooks.example.com", "CertificateArn": certificateARN, "KmsKeyArn": keyARN,
		"ReserveForwarders": "on", "Tracing": "on", "UsersEndpoint": "on",
		"Relay": "on", "RelayAllowPrivate": "on",
	},
	"hardened, with heartbeats": { // which need webhooks from anywhere
		"HeartbeatMinutes": "60", "ThrottleRate": "50", "ReceiverConcurrency": "20", "DomainName": "hooks.example.com",
		"CertificateArn": certificateARN, "KmsKeyArn": keyARN, "ReserveForwarders": "on", "Tracing": "on",
	},
}

func TestTemplate(t *testing.T) {
	translated := translate(t, templateText(t))[0]
	for variant, given := range variants {
		for name, check := range checks {
			t.Run(variant+"/"+name, func(t *testing.T) {
				for _, fault := range newStack(translated, given).find(check) {
					t.Error(fault)
				}
			})
		}
	}
}

func templateText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// template is the template as it is written and as it is deployed.
type template struct {
	Source      node   `json:"source"`
	Transformed node   `json:"transformed"`
	Error       string `json:"error"` // why there is neither
}

// node is an object of the template.
type node = map[string]any

// translate runs SAM's transform, which is Python, over all texts at once: starting it takes longer than its work.
func translate(t *testing.T, texts ...string) (all []template) {
	t.Helper()
	list, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("../../.tools/venv/bin/python", "translate.py") // `make test` installs it.
	var complaint strings.Builder
	command.Stdin, command.Stderr = bytes.NewReader(list), &complaint
	out, err := command.Output()
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	if err != nil {
		t.Fatalf("transform: %v\n%s", err, &complaint)
	}
	return all
}

// stack is a template with its parameters filled in. References to resources become text: Queue for a Ref, Queue.Arn
// for a GetAtt.
type stack struct {
	template

	parameters, resources, outputs node
	faults                         []string
}

// newStack fills in the parameters: those given, and the defaults of the others.
func newStack(t template, given node) *stack {
	s := &stack{template: t, parameters: node{}}
	for name, parameter := range object(t.Source["Parameters"]) {
		s.parameters[name] = fmt.Sprint(at(parameter, "Default"))
	}
	maps.Copy(s.parameters, given)
	s.resources, s.outputs = s.existing(t.Transformed["Resources"]), s.existing(t.Transformed["Outputs"])
	return s
}

// find returns what a check finds.
func (s *stack) find(check func(*stack)) []string {
	s.faults = nil
	check(s)
	return s.faults
}

// existing resolves resources or outputs and leaves out those whose condition does not hold.
func (s *stack) existing(section any) node {
	all := object(s.resolve(section))
	maps.DeleteFunc(all, func(_ string, one any) bool {
		condition, ok := at(one, "Condition").(string)
		return ok && !s.holds(condition)
	})
	return all
}

func (s *stack) holds(condition any) bool {
	return s.resolve(at(s.Source, "Conditions", fmt.Sprint(condition))) == true
}

// resolve replaces CloudFormation's functions by their values, and leaves out what has none.
func (s *stack) resolve(value any) any {
	none := func(one any) bool { return one == "AWS::NoValue" }
	switch value := value.(type) {
	case []any:
		resolved := make([]any, len(value))
		for i := range value {
			resolved[i] = s.resolve(value[i])
		}
		return slices.DeleteFunc(resolved, none)
	case node:
		resolved := node{}
		for name, inner := range value {
			_, isText := inner.(string)
			if len(value) == 1 && (name == "Ref" || strings.HasPrefix(name, "Fn::") || name == "Condition" && isText) {
				return s.call(name, inner)
			}
			resolved[name] = s.resolve(inner)
		}
		maps.DeleteFunc(resolved, func(_ string, one any) bool { return none(one) })
		return resolved
	default:
		return value
	}
}

// call evaluates one of the functions that the template uses.
func (s *stack) call(function string, argument any) any {
	arguments := list(argument)
	switch function {
	case "Ref":
		if value, ok := s.parameters[fmt.Sprint(argument)]; ok {
			return value
		}
		return argument
	case "Fn::GetAtt":
		return fmt.Sprintf("%v.%v", arguments[0], arguments[1])
	case "Fn::If":
		if s.holds(arguments[0]) {
			return s.resolve(arguments[1])
		}
		return s.resolve(arguments[2])
	case "Condition":
		return s.holds(argument)
	case "Fn::Not":
		return s.resolve(arguments[0]) == false
	case "Fn::And":
		return !slices.Contains(list(s.resolve(argument)), any(false))
	case "Fn::Equals":
		return s.resolve(arguments[0]) == s.resolve(arguments[1])
	case "Fn::FindInMap":
		keys := list(s.resolve(argument))
		return at(s.Source["Mappings"], fmt.Sprint(keys[0]), fmt.Sprint(keys[1]), fmt.Sprint(keys[2]))
	case "Fn::Sub": // Pseudo parameters and resources stay.
		text := fmt.Sprint(arguments[0])
		values := maps.Clone(s.parameters)
		if len(arguments) == 2 {
			maps.Copy(values, object(s.resolve(arguments[1])))
		}
		for name, value := range values {
			text = strings.ReplaceAll(text, "${"+name+"}", fmt.Sprint(value))
		}
		return text
	}
	return node{function: s.resolve(argument)}
}

// of returns the properties of all resources of a type, by logical name.
func (s *stack) of(kind string) map[string]node {
	found := map[string]node{}
	for name, resource := range s.resources {
		if at(resource, "Type") == kind {
			found[name] = object(at(resource, "Properties"))
		}
	}
	return found
}

// get follows a path of keys from a resource through its properties.
func (s *stack) get(resource string, path ...string) any {
	return at(at(s.resources, resource, "Properties"), path...)
}

// takesUsers reports whether the endpoint for the customer's back end is there.
func (s *stack) takesUsers() bool {
	return s.parameters["UsersEndpoint"] == "on" && s.parameters["Subscribers"] == "on"
}

// beats reports whether there are heartbeats.
func (s *stack) beats() bool { return s.parameters["HeartbeatMinutes"] != "0" }

// relays reports whether the stack passes webhooks on to the customer's back end.
func (s *stack) relays() bool { return s.parameters["Relay"] == "on" }

// isLeftOut reports whether something belongs to a part that the stack does not have, by the beginning of its name.
func (s *stack) isLeftOut(name string) bool {
	for prefix, there := range map[string]bool{
		"Users": s.takesUsers(), "Heartbeat": s.beats(), "Relay": s.relays(),
		"SubscribersTable": s.parameters["Subscribers"] == "on", "SettingsBucket": s.parameters["Settings"] == "on",
		"Silence": s.parameters["SilenceHours"] != "0", "Domain": s.parameters["DomainName"] != "",
	} {
		if strings.HasPrefix(name, prefix) && !there {
			return true
		}
	}
	return false
}

// wantNames compares names, of which there are only those of the stack's parts.
func (s *stack) wantNames(what, names, got string) {
	all := slices.Sorted(strings.FieldsSeq(names))
	s.want(what, strings.Join(slices.DeleteFunc(all, s.isLeftOut), " "), got)
}

// want notes a difference.
func (s *stack) want(what string, want, got any) {
	s.fault(fmt.Sprint(want) != fmt.Sprint(got), "%s: want %v, got %v", what, want, got)
}

// wantAll compares properties of a resource; nil is one that is not there.
func (s *stack) wantAll(resource string, properties node) {
	for name, want := range properties {
		s.want(resource+"."+name, want, s.get(resource, strings.Split(name, ".")...))
	}
}

// stays checks that a resource outlives its stack.
func (s *stack) stays(name string) {
	s.want(name+": DeletionPolicy", "RetainExceptOnCreate", at(s.resources, name, "DeletionPolicy"))
	s.want(name+": UpdateReplacePolicy", "Retain", at(s.resources, name, "UpdateReplacePolicy"))
}

// fault notes something that is wrong.
func (s *stack) fault(wrong bool, format string, args ...any) {
	if wrong {
		s.faults = append(s.faults, fmt.Sprintf(format, args...))
	}
}

// at follows a path of keys.
func at(value any, path ...string) any {
	for _, key := range path {
		value = object(value)[key]
	}
	return value
}

// object is a value as an object, empty if it is none.
func object(value any) node {
	o, _ := value.(node)
	return o
}

// list is a value as a list; a single value is a list of one.
func list(value any) []any {
	if all, ok := value.([]any); ok || value == nil {
		return all
	}
	return []any{value}
}

// number is a value as a number, be it one or the text of one; -1 if it is neither.
func number(value any) int {
	if n, err := strconv.ParseFloat(fmt.Sprint(value), 64); err == nil {
		return int(n)
	}
	return -1
}

// keys are an object's names in order, as they are printed.
func keys[V any](of map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(of)), " ") }
