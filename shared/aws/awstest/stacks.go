package awstest

import (
	"encoding/xml"
	"maps"
	"slices"
)

// queryError is how the services with AWS's oldest protocol write an error.
const queryError = "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>"

// Stacks is AWS CloudFormation, as far as the outputs and parameters of stacks are concerned.
type Stacks struct {
	Service
	outputs, parameters map[string]map[string]string // by stack
}

func newStacks() *Stacks {
	s := &Stacks{outputs: make(map[string]map[string]string), parameters: make(map[string]map[string]string)}
	s.scope, s.errorForm = "cloudformation", queryError
	s.operations = map[string]operation{"DescribeStacks": typed(&s.Service, s.describe)}
	return s
}

// Create creates a stack, or replaces the outputs of one.
func (s *Stacks) Create(name string, outputs map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outputs[name] = maps.Clone(outputs)
}

// SetParameters replaces the parameters of a stack.
func (s *Stacks) SetParameters(name string, parameters map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parameters[name] = maps.Clone(parameters)
}

func (s *Stacks) describe(in *struct{ StackName string }) (any, error) {
	outputs, ok := s.outputs[in.StackName]
	if !ok {
		return nil, refuse("ValidationError", "no stack "+in.StackName)
	}
	type output struct{ OutputKey, OutputValue string }
	type parameter struct{ ParameterKey, ParameterValue string }
	type stack struct {
		StackName  string
		Outputs    []output    `xml:"Outputs>member"`
		Parameters []parameter `xml:"Parameters>member"`
	}
	answer := struct {
		XMLName xml.Name `xml:"DescribeStacksResponse"`
		Stacks  []stack  `xml:"DescribeStacksResult>Stacks>member"`
	}{Stacks: []stack{{StackName: in.StackName}}}
	for _, key := range slices.Sorted(maps.Keys(outputs)) {
		answer.Stacks[0].Outputs = append(answer.Stacks[0].Outputs, output{key, outputs[key]})
	}
	parameters := s.parameters[in.StackName]
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		answer.Stacks[0].Parameters = append(answer.Stacks[0].Parameters, parameter{key, parameters[key]})
	}
	text, err := xml.Marshal(answer)
	return string(text), err
}

// STS is AWS Security Token Service, as far as it says who calls: always the same person.
type STS struct{ Service }

const (
	callerIdentity = "GetCallerIdentity"
	callerAnswer   = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::" + Account +
		":assumed-role/Marketing/marie</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
)

func newSTS() *STS {
	s := &STS{}
	s.scope, s.errorForm = "sts", queryError
	answer := func(*struct{}) (any, error) { return callerAnswer, nil }
	s.operations = map[string]operation{callerIdentity: typed(&s.Service, answer)}
	return s
}
