package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	runFolder   = ".local/run"           // where everything of a run lies; each run makes it anew
	shellFolder = runFolder + "/shell"   // where the tool's commands run
	buildFolder = runFolder + "/build"   // where sam build puts the template and the functions
	tools       = ".tools/venv/bin"      // where the Makefile has installed SAM CLI and MiniStack
	bridgeTool  = ".local/bridge"        // the project's own tool, which the Makefile builds beside this program
	stackName   = "local"                // Queues and log groups begin with it.
	documented  = "purchasely-clevertap" // the stack's name in docs/
)

// stack is everything that runs.
type stack struct {
	options   options
	aws       *ministack
	clevertap *fakeCleverTap    // nil if the real one is used
	console   *consolePage      // nil until everything stays up
	url       string            // of the API, without the route
	proxy     *http.Server      // at that URL
	docker    *docker           // where the functions run in containers
	api       *server           // sam local start-api at that URL, in place of the proxy
	outputs   map[string]string // of the stack
	usersKey  []byte            // what the demo app's own back end signs with
	backEnd   *backEnd          // that one; nil if webhooks are not passed on
}

// deploy starts, builds and deploys everything. The stack that it returns can be stopped even if it fails.
func deploy(ctx context.Context, o options, screen *screen) (*stack, error) {
	s := &stack{options: o}
	if err := o.checkPorts(); err != nil { // before the files of another run are gone
		return s, err
	}
	if err := os.RemoveAll(runFolder); err != nil {
		return s, err
	}
	type step struct {
		name string
		do   func(context.Context) error
	}
	steps := []step{
		{"starting the demo app's own back end", s.startBackEnd},
		{"starting MiniStack, a local AWS", func(ctx context.Context) (err error) {
			s.aws, err = startMinistack(ctx, o, s.backEnd)
			return err
		}},
		{"starting the fake CleverTap", func(ctx context.Context) (err error) {
			if !o.Live {
				s.clevertap, err = startFakeCleverTap(ctx, o.FakePort)
			}
			return err
		}},
		{"building the functions with sam build", s.samBuild},
		{"deploying template.yaml with sam deploy, QueueType " + o.Queue, s.samDeploy},
		{"routing the API", s.route},
		{"creating the demo app's secrets with bridge app add", s.createSecrets},
		{"putting the fixtures' file in force with bridge settings", s.putSettings},
	}
	if o.mode != modeAPI { // sam local start-api has no routes with a condition, such as that of the users endpoint
		steps = append(steps, step{"making its back end's key with bridge app add", s.createUsersKey})
	}
	if o.mode != modeRun {
		steps = slices.Insert(steps, 0, step{"looking for Docker", checkEngine})
		steps = append(steps, step{"leading containers to this machine", s.startDocker})
	}
	for _, step := range steps {
		if err := screen.step(step.name, func() error { return step.do(ctx) }); err != nil {
			return s, err
		}
	}
	return s, nil
}

// startDocker prepares containers and, where the API is asked for, puts it in front of them.
func (s *stack) startDocker(ctx context.Context) (err error) {
	if s.docker, err = startDocker(ctx, s); err != nil || s.options.mode != modeAPI {
		return err
	}
	_ = s.proxy.Close() // The API takes its place.
	s.api, s.url, err = s.docker.startAPI(ctx)
	return err
}

// post sends a webhook to the receiver, as Purchasely does.
func (s *stack) post(ctx context.Context, f fixture) (status int, answer []byte, err error) {
	if s.options.mode == modeInvoke {
		return s.docker.post(ctx, f)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+f.path, bytes.NewReader(f.body))
	if err != nil {
		return 0, nil, err
	}
	post.Header = f.header.Clone()
	response, err := s.aws.client.Do(post)
	if err != nil {
		return 0, nil, fmt.Errorf("webhook %s: %w", f.name, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// stop ends everything, the sender before the receiver of what is sent.
func (s *stack) stop() {
	if s.proxy != nil {
		_ = s.proxy.Close()
	}
	if s.console != nil {
		s.console.stop()
	}
	if s.api != nil {
		s.api.stop()
	}
	if s.docker != nil {
		s.docker.stop()
	}
	if s.aws != nil {
		s.aws.stop()
	}
	if s.clevertap != nil {
		s.clevertap.stop()
	}
	if s.backEnd != nil {
		s.backEnd.stop()
	}
}

// samBuild builds the functions for this machine's processor, apart from what `sam build` leaves for AWS.
func (s *stack) samBuild(ctx context.Context) error {
	goflags, err := useFixturesFile(s.backEnd)
	if err != nil {
		return err
	}
	_, err = finish(ctx, filepath.Join(runFolder, "build.log"), append(toolEnvironment(), goflags),
		filepath.Join(tools, "sam"), "build", "--build-dir", buildFolder,
		"--parameter-overrides", "Architecture="+s.options.architecture)
	return err
}

func (s *stack) samDeploy(ctx context.Context) error {
	arguments := []string{
		filepath.Join(tools, "sam"), "deploy", "--template-file", filepath.Join(buildFolder, "template.yaml"),
		"--stack-name", stackName, "--resolve-s3", "--capabilities", "CAPABILITY_IAM",
		"--no-confirm-changeset", "--no-progressbar",
		"--parameter-overrides", "Architecture=" + s.options.architecture, "QueueType=" + s.options.Queue,
		"UsersEndpoint=on", "SettingsRefresh=" + settingsRefresh,
	}
	if s.clevertap != nil {
		arguments = append(arguments, "CleverTapEndpoint="+s.clevertap.endpoint+"/{host}")
	}
	if s.options.Operate { // An operator waits for both.
		arguments = append(arguments, "RetryDelay=1s", "BreakerPause=1s")
	}
	if s.options.beats() {
		arguments = append(arguments, "HeartbeatMinutes=1")
	}
	if s.backEnd != nil {
		arguments = append(arguments, "Relay=on", "RelayAllowPrivate=on")
	}
	if s.options.parameters != nil {
		more, err := s.options.parameters(ctx, s)
		if err != nil {
			return err
		}
		arguments = append(arguments, more...)
	}
	_, err := finish(ctx, filepath.Join(runFolder, "deploy.log"), s.awsEnvironment(), arguments...)
	return err
}

// route makes the routes of the API, which MiniStack does not read from its body, gives it a URL that stays the same,
// and reads the stack's outputs.
func (s *stack) route(ctx context.Context) (err error) {
	var deployed struct {
		API     string            `json:"api"`
		Outputs map[string]string `json:"outputs"`
	}
	if err := s.python(ctx, &deployed, "routes"); err != nil {
		return err
	}
	s.outputs = deployed.Outputs
	s.url, s.proxy, err = startProxy(s.options.apiPort(), s.aws.endpoint+"/_aws/execute-api/"+deployed.API,
		s.aws.client.Transport)
	return err
}

// python runs a command of aws.py on the stack and reads its answer.
func (s *stack) python(ctx context.Context, into any, command string) error {
	text, err := finish(ctx, filepath.Join(runFolder, command+".log"), s.awsEnvironment(),
		filepath.Join(tools, "python"), "cmd/local/aws.py", command, stackName)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("aws.py %s: %w", command, err)
	}
	return nil
}

// createSecrets stores the secret that Purchasely signs with and CleverTap's credentials, as an operator does.
func (s *stack) createSecrets(ctx context.Context) error {
	credentials := map[string]any{
		"region": "eu1", "account_id": productionAccount, "passcode": demoPasscode,
		"sandbox": map[string]any{"region": "in1", "account_id": sandboxAccount, "passcode": demoPasscode},
	}
	if o := s.options; o.Live {
		credentials = map[string]any{"region": o.Region, "account_id": o.AccountID, "passcode": o.Passcode}
	}
	secrets, err := json.Marshal(map[string]any{
		"purchasely": map[string]string{"shared_secret": sharedSecret}, "clevertap": credentials,
	})
	if err != nil {
		return err
	}
	shown, exit, err := s.shell(ctx, "bridge app add --stack "+documented+" demo", string(secrets))
	if err == nil && exit != 0 {
		err = fmt.Errorf("bridge app add ends with exit code %d:\n%s", exit, shown)
	}
	return err
}

// shell runs a line of docs/ for this stack, answers its questions with the input, and returns all that it shows.
func (s *stack) shell(ctx context.Context, line, input string) (shown string, exit int, err error) {
	bin, err := filepath.Abs(filepath.Dir(bridgeTool))
	if err != nil {
		return "", 0, err
	}
	command := exec.CommandContext(ctx, "sh", "-c", s.local(line)) //nolint:gosec // The lines are this project's own.
	command.Dir, command.Stdin = shellFolder, strings.NewReader(input)
	command.Env = append(s.awsEnvironment(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if s.clevertap != nil {
		command.Env = append(command.Env, "CLEVERTAP_ENDPOINT="+s.clevertap.endpoint+"/{host}")
	}
	text, err := command.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		return string(text), failed.ExitCode(), nil
	}
	return string(text), 0, err
}

// local is a line of docs/ for this stack, whose own output names a host of AWS's.
func (s *stack) local(line string) string {
	var pairs []string
	for _, command := range []string{"bridge send", "bridge app check", "bridge app add"} {
		pairs = append(pairs, command+" --stack "+documented, command+" --url "+s.url+" --stack "+stackName)
	}
	return strings.NewReplacer(append(pairs, documented, stackName)...).Replace(line)
}

// queue is the name of one of the stack's queues, by the output that holds its URL.
func (s *stack) queue(output string) string { return filepath.Base(s.outputs[output]) }

// toolEnvironment is this program's environment without anything of an AWS account, so that no tool can reach one.
func toolEnvironment() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "CLEVERTAP_") {
			env = append(env, variable)
		}
	}
	return append(env, "SAM_CLI_TELEMETRY=0")
}

// awsEnvironment points SAM, boto3 and bridge at the local AWS, past any proxy.
func (s *stack) awsEnvironment() []string {
	env := append(toolEnvironment(),
		"AWS_ENDPOINT_URL="+s.aws.endpoint, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_ACCESS_KEY_ID="+root.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+root.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost", "SAM_CLI_POLL_DELAY=1")
	return append(env, s.aws.trust...)
}

// environmentFile is for the shells of people: it points every tool at this run.
const environmentFile = runFolder + "/env"

func (s *stack) writeEnvironment() error {
	bin, err := filepath.Abs(filepath.Dir(bridgeTool))
	if err != nil {
		return err
	}
	text := fmt.Sprintf("export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%[2]s\n"+
		"export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_EC2_METADATA_DISABLED=true SAM_CLI_TELEMETRY=0\n"+
		"export BRIDGE_URL=%s BRIDGE_SHARED_SECRET=%s PATH=%q:\"$PATH\"\n",
		s.aws.endpoint, region, root.AccessKeyID, root.SecretAccessKey, s.url, sharedSecret, bin)
	if s.clevertap != nil {
		text += fmt.Sprintf("export CLEVERTAP_ENDPOINT='%s/{host}'\n", s.clevertap.endpoint)
	}
	return os.WriteFile(environmentFile, []byte(text), 0o600)
}

// instructions say what can be tried while everything is up.
func (s *stack) instructions() []instruction {
	var all []instruction
	if s.console != nil {
		all = append(all, instruction{"Open the console in a browser: it shows and changes what goes to CleverTap:",
			s.console.address})
	}
	all = append(all,
		instruction{"Point the commands below at this run:", ". " + environmentFile},
		instruction{"Send another webhook to the demo app, whose URL is " + s.url + "/purchasely/demo:",
			"bridge send --app demo --sample TRIAL_STARTED"})
	if c := s.clevertap; c != nil {
		all = append(all,
			instruction{"See what CleverTap has, in a browser or a terminal:", c.admin + "\ncurl -s " + c.admin},
			instruction{"Let CleverTap fail, and recover:", "curl -s " + c.admin +
				"/faults -d '{\"kind\":\"status\",\"status\":503}'\ncurl -s -X DELETE " + c.admin + "/faults"})
	}
	if s.backEnd != nil {
		all = append(all, instruction{"See what your own back end gets, and try it:", "tail -f " + backEndLog + "\n" +
			"SSL_CERT_FILE=" + s.backEnd.authorities + " bridge app check --stack " + stackName + " --relay demo"})
	}
	return append(all,
		instruction{"See what was rejected:", "bridge rejected list --stack " + stackName},
		instruction{"Read the functions' logs:", tools + "/sam logs --stack-name " + stackName})
}

// seconds is a time as people read it.
func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
