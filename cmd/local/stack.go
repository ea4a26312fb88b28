package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

	// The integration file that is yours, and the one of the fixtures, which counts here: whatever the first says, the
	// fixtures come to what is written beside them. The last is the second as this run uses it.
	ownFile      = "shared/config/integrations.yaml"
	fixturesFile = "events/integrations.yaml"
	usedFile     = shellFolder + "/integrations.yaml"
)

// stack is everything that runs.
type stack struct {
	options   options
	screen    *screen
	authority *authority
	aws       *ministack
	clevertap *fakeCleverTap    // nil if the real one is used
	backEnd   *backEnd          // the demo app's own; nil if webhooks are not passed on
	console   string            // the address of its page, empty until everything stays up
	url       string            // of the API, without the route
	outputs   map[string]string // of the stack
	usersKey  []byte            // what the demo app's own back end signs with
	stops     []func()          // what ends all that was started, in that order
}

// deploy starts, builds and deploys everything. The stack that it returns can be stopped even if it fails.
func deploy(ctx context.Context, o options, screen *screen) (s *stack, err error) {
	s = &stack{options: o, screen: screen}
	if err := o.checkPorts(); err != nil { // before the files of another run are gone
		return s, err
	}
	if err := os.RemoveAll(runFolder); err != nil {
		return s, err
	}
	if s.authority, err = newAuthority(runFolder); err != nil {
		return s, err
	}
	step := func(name string, do func(context.Context) error) {
		if err == nil {
			err = screen.step(name, func() error { return do(ctx) })
		}
	}
	if o.mode != modeRun {
		step("looking for Docker", checkEngine)
	}
	// Each is stopped before those that were started before it: the sender before the receiver of what is sent.
	if o.relays() {
		step("starting the demo app's own back end", s.startBackEnd)
	}
	if !o.Live {
		step("starting the fake CleverTap", s.startFakeCleverTap)
	}
	step("starting MiniStack, a local AWS", s.startMinistack)
	step("building the functions with sam build", s.samBuild)
	step("deploying template.yaml with sam deploy, QueueType "+o.Queue, s.samDeploy)
	step("routing the API", s.route)
	step("creating the demo app's secrets with bridge app add", s.createSecrets)
	step("putting the fixtures' file in force with bridge settings", s.putSettings)
	if o.mode != modeAPI { // sam local start-api has no routes with a condition, such as that of the users endpoint
		step("making its back end's key with bridge app add", s.createUsersKey)
	}
	if o.mode != modeRun {
		step("leading containers to this machine", s.startDocker)
	}
	if err != nil {
		return s, err
	}
	return s, s.writeEnvironment()
}

// start starts a process that runs until the stack is stopped.
func (s *stack) start(
	ctx context.Context, name string, env []string, ready func(context.Context) bool, program ...string,
) error {
	process, err := startServer(ctx, name, env, ready, program...)
	if err == nil {
		s.stops = append(s.stops, process.stop)
	}
	return err
}

// stop ends everything, what was started last first.
func (s *stack) stop() {
	for _, stop := range slices.Backward(s.stops) {
		stop()
	}
}

// post sends a webhook to the receiver, as Purchasely does.
func (s *stack) post(ctx context.Context, f fixture) (status int, answer []byte, err error) {
	if s.options.mode == modeInvoke {
		return s.invokeRequest(ctx, f)
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

// samBuild builds the functions for this machine's processor, apart from what `sam build` leaves for AWS, and with the
// fixtures' integration file in place of yours. bridge finds that file too. If there is a back end, it is that of the
// file's last app, which is the demo app.
func (s *stack) samBuild(ctx context.Context) error {
	const root = "../../" // SAM builds in a function's folder
	text, err := os.ReadFile(fixturesFile)
	if err != nil {
		return err
	}
	if s.backEnd != nil {
		text = append(text, "    relay: {url: \""+s.backEnd.url+"\"}\n"...)
	}
	overlay := filepath.Join(runFolder, "overlay.json")
	err = errors.Join(
		os.MkdirAll(shellFolder, 0o750),
		os.WriteFile(usedFile, text, 0o600),
		writeJSON(overlay, map[string]map[string]string{"Replace": {root + ownFile: root + usedFile}}),
	)
	if err != nil {
		return err
	}
	_, err = finish(ctx, filepath.Join(runFolder, "build.log"),
		append(toolEnvironment(), "SAM_CLI_TELEMETRY=0", "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+root+overlay),
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
		"UsersEndpoint=on", "SettingsRefresh=2s", // A change is noticed after a minute by default.
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
func (s *stack) route(ctx context.Context) error {
	var deployed struct {
		API     string            `json:"api"`
		Outputs map[string]string `json:"outputs"`
	}
	if err := s.python(ctx, &deployed, "routes"); err != nil {
		return err
	}
	s.outputs = deployed.Outputs
	s.url = "http://127.0.0.1:" + strconv.Itoa(s.options.apiPort())
	if s.options.mode == modeAPI { // sam local start-api will be there.
		return nil
	}
	api := proxy(s.aws.endpoint+"/_aws/execute-api/"+deployed.API, s.aws.client.Transport)
	_, err := s.serve("127.0.0.1", s.options.apiPort(), nil, api)
	return err
}

// python runs a command of aws.py on the stack, and reads its answer into a value unless that is nil.
func (s *stack) python(ctx context.Context, into any, command string) error {
	text, err := finish(ctx, filepath.Join(runFolder, command+".log"), s.awsEnvironment(),
		filepath.Join(tools, "python"), "cmd/local/aws.py", command, stackName)
	if err == nil && into != nil {
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
	_, err = s.command(ctx, "bridge app add --stack "+documented+" demo", string(secrets))
	return err
}

// createUsersKey makes what the demo app's own back end signs with, as an operator does.
func (s *stack) createUsersKey(ctx context.Context) error {
	var added struct {
		Key string `json:"signing_secret"`
	}
	err := s.commandJSON(ctx, "bridge app add --stack "+documented+" --users-secret --json demo", &added)
	if err != nil {
		return err
	}
	s.usersKey, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(added.Key, "whsec_"))
	return err
}

// putSettings puts the fixtures' file in force, which is built in, too.
func (s *stack) putSettings(ctx context.Context) error {
	_, err := s.command(ctx, "bridge settings put --stack "+documented+" --file integrations.yaml --yes -m fixtures", "")
	return err
}

// shell runs a line of docs/ for this stack, answers its questions with the input, and returns all that it shows.
func (s *stack) shell(ctx context.Context, line, input string) (shown string, exit int, err error) {
	command := exec.CommandContext(ctx, "sh", "-c", s.local(line)) //nolint:gosec // The lines are this project's own.
	command.Dir, command.Stdin = shellFolder, strings.NewReader(input)
	path, err := toolPath()
	if err != nil {
		return "", 0, err
	}
	command.Env = append(s.awsEnvironment(), "PATH="+path+string(os.PathListSeparator)+os.Getenv("PATH"))
	text, err := command.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		return string(text), failed.ExitCode(), nil
	}
	return string(text), 0, err
}

// command runs a line that has to succeed.
func (s *stack) command(ctx context.Context, line, input string) (shown string, err error) {
	shown, exit, err := s.shell(ctx, line, input)
	if err == nil && exit != 0 {
		err = fmt.Errorf("%s ends with exit code %d:\n%s", line, exit, shown)
	}
	return strings.TrimSpace(shown), err
}

// commandJSON runs a line that has to succeed, and reads the last line that it shows.
func (s *stack) commandJSON(ctx context.Context, line string, into any) error {
	shown, err := s.command(ctx, line, "")
	if err != nil {
		return err
	}
	if json.Unmarshal([]byte(shown[strings.LastIndex(shown, "\n")+1:]), into) != nil {
		return fmt.Errorf("%s shows\n%s", line, shown)
	}
	return nil
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
	return env
}

// awsEnvironment points SAM, boto3 and bridge at the local AWS, past any proxy, and at the fake CleverTap.
func (s *stack) awsEnvironment() []string {
	return slices.Concat(toolEnvironment(), s.variables(), s.aws.trust,
		[]string{"NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost", "SAM_CLI_POLL_DELAY=1"})
}

// variables are those of the environment that point a tool at this run.
func (s *stack) variables() []string {
	variables := []string{
		"AWS_ENDPOINT_URL=" + s.aws.endpoint, "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + root.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + root.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED=true", "SAM_CLI_TELEMETRY=0",
	}
	if s.clevertap != nil {
		variables = append(variables, "CLEVERTAP_ENDPOINT="+s.clevertap.endpoint+"/{host}")
	}
	return variables
}

// environmentFile is for the shells of people: it points every tool at this run.
const environmentFile = runFolder + "/env"

func (s *stack) writeEnvironment() error {
	path, err := toolPath()
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "export PATH=%q:\"$PATH\"\n", path)
	for _, variable := range append(s.variables(), "BRIDGE_URL="+s.url, "BRIDGE_SHARED_SECRET="+sharedSecret) {
		text = fmt.Appendf(text, "export '%s'\n", variable)
	}
	return os.WriteFile(environmentFile, text, 0o600)
}

// toolPath is the folder of the project's own tool.
func toolPath() (string, error) { return filepath.Abs(filepath.Dir(bridgeTool)) }

var consoleAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/\?token=\w+`)

// startConsole starts `bridge console` on the stack, and reads the address of its page.
func (s *stack) startConsole(ctx context.Context) error {
	ready := func(context.Context) bool {
		text, _ := os.ReadFile(serverLog("console")) // it is there, and empty at first
		s.console = consoleAddress.FindString(string(text))
		return s.console != ""
	}
	return s.start(ctx, "console", s.awsEnvironment(), ready, bridgeTool, "console", "--stack", stackName, "--write")
}

// instruct says what can be tried while everything is up.
func (s *stack) instruct() {
	s.screen.heading("Everything stays up until Ctrl-C. In a second terminal, in this folder:")
	tell := func(what, how string) {
		s.screen.print("\n  %s\n", what)
		s.screen.block(0, how)
	}
	if s.console != "" {
		tell("Open the console in a browser: it shows and changes what goes to CleverTap:", s.console)
	}
	tell("Point the commands below at this run:", ". "+environmentFile)
	tell("Send another webhook to the demo app, whose URL is "+s.url+"/purchasely/demo:",
		"bridge send --app demo --sample TRIAL_STARTED")
	if c := s.clevertap; c != nil {
		tell("See what CleverTap has, in a browser or a terminal:", c.admin+"\ncurl -s "+c.admin)
		tell("Let CleverTap fail, and recover:", "curl -s "+c.admin+
			"/faults -d '{\"kind\":\"status\",\"status\":503}'\ncurl -s -X DELETE "+c.admin+"/faults")
	}
	if s.backEnd != nil {
		tell("See what your own back end gets, and try it:", "tail -f "+backEndLog+"\n"+
			"SSL_CERT_FILE="+s.authority.file+" bridge app check --stack "+stackName+" --relay demo")
	}
	tell("See what was rejected:", "bridge rejected list --stack "+stackName)
	tell("Read the functions' logs:", tools+"/sam logs --stack-name "+stackName)
}

// seconds is a time as people read it.
func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
