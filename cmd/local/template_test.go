//go:build template

// The template's own tests hold what linters let through: they read the template as CloudFormation gets it, after SAM's transform.
package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// check is one rule about the template. It returns what is wrong, a line for each fault.
type check func(s stack) []string

// checks are all rules. Their names say what holds.
var checks = map[string]check{
	"each role may do exactly what its function does":                   rolesAreExact,
	"both roles are for Lambda and for nobody else":                     rolesTrustLambda,
	"every queue refuses plain HTTP to everybody and allows nobody":     queuesWantTLS,
	"every queue is encrypted, keeps messages for 14 days and stays":    queuesKeepMessages,
	"a FIFO queue has high throughput and every message its own id":     fifoQueuesAreFast,
	"a queue and its dead-letter queue are of one kind":                 deadLetterQueuesFit,
	"a day without CleverTap moves nothing to a dead-letter queue":      outageOfADayIsSurvived,
	"both mappings report failures per message, within SQS's limits":    mappingsFitTheirQueues,
	"visibility is six times the forwarder's time-out":                  visibilityExceedsTimeout,
	"the forwarders of both mappings stay within CleverTap's fifteen":   uploadsStayWithinTheCap,
	"both functions are built from their own folders":                   functionsAreBuilt,
	"the functions get the environment that they read":                  environmentsAreExact,
	"every function logs JSON into a group of its own, kept for a time": logsAreKept,
	"the API has one route, and time-outs that end in order":            apiHasOneRoute,
	"the access log is JSON and names nobody":                           accessLogNamesNobody,
	"every parameter is described, limited, grouped and used":           parametersAreComplete,
	"patterns take what is right and refuse what is not":                patternsFit,
	"the outputs name what tools look up":                               outputsAreThere,
	"what hardens the stack is off by default, and complete when on":    hardeningIsOptional,
	"the subscriber table is bounded, encrypted, recoverable and stays": subscriberTableIsKept,
	"every change of the receiver arrives at the alias":                 aliasFollowsEveryChange,
	"every alarm looks at a metric that somebody writes":                alarmsLookAtWhatIsWritten,
	"every alarm rings when it should, and at silence only for silence": alarmsRingOnce,
	"every alarm says what to do, and the runbook says it at length":    alarmsSayWhatToDo,
	"every alarm reaches the topic and the address that are given":      alarmsReachSomebody,
	"the dashboard shows every metric, and none that nobody writes":     dashboardShowsAllThatIsWritten,
	"the dashboard is whole and in order":                               dashboardIsWhole,
}

// variants are the choices of parameters that make different stacks.
var variants = map[string]map[string]string{
	"fifo":                     {"QueueType": "fifo"},
	"standard":                 {"QueueType": "standard"},
	"without subscriber state": {"Subscribers": "off"},
	"with a topic":             {"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms"},
	"with mail":                {"AlarmEmail": "oncall@example.com", "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms"},
	"without silence":          {"SilenceHours": "0"},
	"hardened":                 hardened,
}

// hardened has a value for everything that is off by default.
var hardened = map[string]string{
	"AllowedSources":      "203.0.113.7,198.51.100.0/24",
	"ThrottleRate":        "50",
	"DomainName":          "hooks.example.com",
	"CertificateArn":      "arn:aws:acm:eu-west-1:000000000000:certificate/11111111-2222-3333-4444-555555555555",
	"KmsKeyArn":           "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555",
	"ReceiverConcurrency": "20",
	"ReserveForwarders":   "on",
	"Tracing":             "on",
}

func TestTemplate(t *testing.T) {
	source := translation(t)
	for variant, given := range variants {
		s := newStack(source, given)
		for name, check := range checks {
			t.Run(variant+"/"+name, func(t *testing.T) {
				for _, fault := range check(s) {
					t.Error(fault)
				}
			})
		}
	}
}

// template is the template as it is written and as it is deployed.
type template struct {
	Source      node   `json:"source"`
	Transformed node   `json:"transformed"`
	Error       string `json:"error"` // why there is neither
}

// node is an object of the template.
type node = map[string]any

var translated = sync.OnceValues(func() (template, error) {
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		return template{}, err
	}
	all, err := translate(string(text))
	if err != nil {
		return template{}, err
	}
	if all[0].Error != "" {
		return template{}, errors.New(all[0].Error)
	}
	return all[0], nil
})

// translation returns the project's template.
func translation(t *testing.T) template {
	t.Helper()
	out, err := translated()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// translate runs SAM's transform, which is Python, over all texts at once: starting it takes longer than its work.
func translate(texts ...string) ([]template, error) {
	const python = "../../.tools/venv/bin/python"
	if _, err := os.Stat(python); err != nil {
		return nil, fmt.Errorf("SAM's transform is not installed; `make test` installs it: %w", err)
	}
	list, err := json.Marshal(texts)
	if err != nil {
		return nil, err
	}
	command := exec.Command(python, "translate.py")
	command.Stdin = bytes.NewReader(list)
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("transform: %w\n%s", err, complaint.String())
	}
	var all []template
	return all, json.Unmarshal(out, &all)
}

// stack is a template with its parameters filled in. References to resources become text: Queue for a Ref, Queue.Arn for a GetAtt.
type stack struct {
	template

	parameters map[string]any
	resources  node
	outputs    node
}

// newStack fills in the parameters: those given, and the defaults of the others.
func newStack(t template, given map[string]string) stack {
	s := stack{template: t, parameters: map[string]any{}}
	for name, parameter := range object(t.Source["Parameters"]) {
		s.parameters[name] = fmt.Sprint(object(parameter)["Default"])
	}
	for name, value := range given {
		s.parameters[name] = value
	}
	s.resources = s.existing(t.Transformed["Resources"])
	s.outputs = s.existing(t.Transformed["Outputs"])
	return s
}

// existing resolves resources or outputs and leaves out those whose condition does not hold.
func (s stack) existing(section any) node {
	all := object(s.resolve(section))
	maps.DeleteFunc(all, func(_ string, one any) bool {
		condition, ok := at(one, "Condition").(string)
		return ok && !s.condition(condition)
	})
	return all
}

// noValue is what stands for nothing at all, in lists as in objects.
const noValue = "AWS::NoValue"

// resolve replaces CloudFormation's functions by their values.
func (s stack) resolve(value any) any {
	switch value := value.(type) {
	case []any:
		resolved := make([]any, len(value))
		for i := range value {
			resolved[i] = s.resolve(value[i])
		}
		return slices.DeleteFunc(resolved, func(one any) bool { return one == noValue })
	case node:
		if len(value) == 1 {
			for function, argument := range value {
				if result, ok := s.call(function, argument); ok {
					return result
				}
			}
		}
		resolved := node{}
		for key, inner := range value {
			resolved[key] = s.resolve(inner)
		}
		maps.DeleteFunc(resolved, func(_ string, one any) bool { return one == noValue })
		return resolved
	default:
		return value
	}
}

// call evaluates one function. ok is false for an object that is none.
func (s stack) call(function string, argument any) (result any, ok bool) {
	switch function {
	case "Ref":
		if value, ok := s.parameters[argument.(string)]; ok {
			return value, true
		}
		return argument, true
	case "Fn::GetAtt":
		parts := list(argument)
		return fmt.Sprintf("%v.%v", parts[0], parts[1]), true
	case "Fn::If":
		parts := list(argument)
		if s.condition(parts[0].(string)) {
			return s.resolve(parts[1]), true
		}
		return s.resolve(parts[2]), true
	case "Fn::FindInMap":
		parts := list(s.resolve(argument))
		mapping := object(object(s.Source["Mappings"])[parts[0].(string)])
		return object(mapping[parts[1].(string)])[parts[2].(string)], true
	case "Fn::Sub":
		return s.substitute(argument), true
	default:
		return nil, false
	}
}

// condition evaluates a condition; the template knows only comparisons of a parameter with a text, and their opposites.
func (s stack) condition(name string) bool {
	one := object(object(s.Source["Conditions"])[name])
	if opposite := list(one["Fn::Not"]); len(opposite) == 1 {
		return !s.equal(object(opposite[0]))
	}
	return s.equal(one)
}

func (s stack) equal(condition node) bool {
	sides := list(s.resolve(condition["Fn::Equals"]))
	return len(sides) == 2 && sides[0] == sides[1]
}

// substitute fills parameters and local names into a text, and leaves pseudo parameters and resources as they are.
func (s stack) substitute(argument any) string {
	text, names := argument, node{}
	if parts, ok := argument.([]any); ok {
		text, names = parts[0], object(s.resolve(parts[1]))
	}
	out := text.(string)
	for _, values := range []node{s.parameters, names} {
		for name, value := range values {
			out = strings.ReplaceAll(out, "${"+name+"}", fmt.Sprint(value))
		}
	}
	return out
}

// of returns the properties of all resources of a type, by logical name.
func (s stack) of(kind string) map[string]node {
	found := map[string]node{}
	for name, resource := range s.resources {
		if object(resource)["Type"] == kind {
			found[name] = object(object(resource)["Properties"])
		}
	}
	return found
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
	switch value := value.(type) {
	case nil:
		return nil
	case []any:
		return value
	default:
		return []any{value}
	}
}

// number is a value as a number, whether it stands there as one or as the text of one; -1 if it is neither.
func number(value any) int {
	switch value := value.(type) {
	case float64:
		return int(value)
	case string:
		if n, err := strconv.Atoi(value); err == nil {
			return n
		}
	}
	return -1
}

// faults collects what is wrong.
type faults []string

// want notes a difference.
func (f *faults) want(what string, want, got any) {
	if w, g := fmt.Sprint(want), fmt.Sprint(got); w != g {
		*f = append(*f, fmt.Sprintf("%s: want %s, got %s", what, w, g))
	}
}

// when notes a fault when it is one.
func (f *faults) when(wrong bool, format string, args ...any) {
	if wrong {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}
