package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
)

// stackName is the local stack's; its queues and log groups begin with it.
const stackName = "local"

// samBuild builds both functions from the template, for this machine's processor, apart from what `sam build` leaves for AWS.
func samBuild(ctx context.Context, o options) error {
	_, err := finish(ctx, filepath.Join(home, "build.log"), toolEnvironment(), filepath.Join(tools, "sam"), "build",
		"--build-dir", filepath.Join(home, "build"), "--parameter-overrides", "Architecture="+o.Architecture)
	return err
}

// samDeploy deploys what was built to the local AWS.
func samDeploy(ctx context.Context, o options, m *ministack, clevertap string) error {
	args := []string{
		"deploy", "--template-file", filepath.Join(home, "build", "template.yaml"), "--stack-name", stackName,
		"--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides",
		"Architecture=" + o.Architecture, "QueueType=" + o.Queue, "CleverTapEndpoint=" + clevertap,
	}
	if o.Operate {
		args = append(args, "RetryDelay=1s", "BreakerPause=1s") // An operator waits for both.
	}
	if o.Hardened {
		parameters, err := hardening(ctx, m)
		if err != nil {
			return err
		}
		args = append(args, parameters...)
	}
	_, err := finish(ctx, filepath.Join(home, "deploy.log"), awsEnvironment(m), filepath.Join(tools, "sam"), args...)
	return err
}

// deployed is what routes.py says about the stack.
type deployed struct {
	APIs    map[string]string `json:"apis"`
	Outputs map[string]string `json:"outputs"`
}

// makeRoutes gives the HTTP API its routes, and reads the stack's outputs.
func makeRoutes(ctx context.Context, m *ministack) (deployed, error) {
	text, err := finish(ctx, filepath.Join(home, "routes.log"), awsEnvironment(m), filepath.Join(tools, "python"), "cmd/local/routes.py", stackName)
	if err != nil {
		return deployed{}, err
	}
	var d deployed
	if err := json.Unmarshal(text, &d); err != nil {
		return deployed{}, fmt.Errorf("routes.py: %w", err)
	}
	if d.APIs["Api"] == "" {
		return deployed{}, fmt.Errorf("routes.py: no API in the stack")
	}
	return d, nil
}

// toolEnvironment is this program's environment without anything of an AWS account, so that no tool can reach one by mistake.
func toolEnvironment() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "CLEVERTAP_") {
			env = append(env, variable)
		}
	}
	return append(env, "SAM_CLI_TELEMETRY=0")
}

// awsEnvironment points SAM and boto3 at the local AWS, past any proxy.
func awsEnvironment(m *ministack) []string {
	env := append(toolEnvironment(),
		"AWS_ENDPOINT_URL="+m.endpoint, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_ACCESS_KEY_ID="+owner.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+owner.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"SAM_CLI_POLL_DELAY=1")
	return append(env, m.trust...)
}
