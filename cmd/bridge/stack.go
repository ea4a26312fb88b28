package main

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"
)

// The stack's outputs that commands need; the template names them.
const (
	outputWebhookURL          = "WebhookUrl"
	outputEventsQueue         = "EventsQueueUrl"
	outputRejectedQueue       = "RejectedQueueUrl"
	outputFIFODeadLetters     = "EventsFifoDeadLetterQueueUrl"
	outputStandardDeadLetters = "EventsStandardDeadLetterQueueUrl"
	outputSecretsPrefix       = "SecretsPrefix"
)

// errNoStack is the fault of a command line without --stack.
var errNoStack = errors.New("flag --stack is missing: which CloudFormation stack is the bridge's?")

// stack is a deployed bridge: AWS, and the names that the stack gives to its parts.
type stack struct {
	name    string
	cloud   aws.Config
	outputs map[string]string
}

// stackFlag adds --stack to a command.
func stackFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "stack", "", "the bridge's CloudFormation stack")
}

// openStack looks a stack up.
func openStack(cmd *cobra.Command, name string) (*stack, error) {
	if name == "" {
		return nil, usageOf(cmd, errNoStack)
	}
	cloud, err := connect(cmd.Context())
	if err != nil {
		return nil, err
	}
	outputs, err := describe(cmd.Context(), cloud, name)
	if err != nil {
		return nil, err
	}
	return &stack{name, cloud, outputs}, nil
}

func describe(ctx context.Context, cloud aws.Config, name string) (map[string]string, error) {
	described, err := cloudformation.NewFromConfig(cloud).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	// CloudFormation has no code of its own for a stack that is not there (DescribeStacks, November 2026).
	if awsCode(err) == "ValidationError" || err == nil && len(described.Stacks) == 0 {
		return nil, findingf("is it another region, account or name? 'aws cloudformation list-stacks' names those that are there",
			"stack %q does not exist in region %s", name, cloud.Region)
	}
	if err != nil {
		return nil, awsTrouble(err)
	}
	outputs := make(map[string]string)
	for _, o := range described.Stacks[0].Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return outputs, nil
}

// output gives one of the stack's outputs.
func (s *stack) output(name string) (string, error) {
	if value := s.outputs[name]; value != "" {
		return value, nil
	}
	return "", findingf("deploy the present version of the bridge, or name its stack", "stack %q has no output %s", s.name, name)
}

// receiver is the receiver's URL for an app: the stack's, unless another is given, as a local AWS needs it.
func (s *stack) receiver(given, app string) (string, error) {
	if given == "" {
		url, err := s.output(outputWebhookURL)
		if err != nil {
			return "", err
		}
		given = strings.ReplaceAll(url, "{app}", app)
	}
	return receiverURL(given, app)
}

// secretName is the name of one of an app's two secrets.
func (s *stack) secretName(app, part string) (string, error) {
	prefix, err := s.output(outputSecretsPrefix)
	return strings.TrimRight(prefix, "/") + "/" + app + "/" + part, err
}
