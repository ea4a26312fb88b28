package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// containerHost is the name of this machine in a container.
const containerHost = "host.docker.internal"

// checkEngine looks for Docker before anything takes time. SAM CLI knows other engines too.
func checkEngine(ctx context.Context) error {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil
	}
	_, err := finish(ctx, filepath.Join(runFolder, "engine.log"), os.Environ(), "docker", "version")
	if err != nil && ctx.Err() == nil {
		return errors.New("no Docker engine answers. Start Docker, or see what the functions do without it: `make run`")
	}
	return err
}

// startDocker makes the local AWS and the fake CleverTap reachable from containers, in which `sam local` runs the
// functions, and writes a template and a list of variables for it. `make api` puts the API in front of them.
//
// A container's loopback is its own. An engine of this machine has a network here, and proxies listen at its address;
// Docker Desktop leads containerHost to this machine's loopback. The functions take plain HTTP to CleverTap for
// loopback only, so the proxy of the fake speaks TLS.
func (s *stack) startDocker(ctx context.Context) error {
	host, awsPort, fakePort := engineAddress(), s.options.Port, s.options.FakePort+3
	if host != "127.0.0.1" {
		if _, err := s.serve(host, awsPort, nil, proxy(s.aws.endpoint, nil)); err != nil {
			return err
		}
	}
	if _, err := s.serve(host, fakePort, s.authority.certificate, proxy(s.clevertap.endpoint, nil)); err != nil {
		return err
	}
	var variables map[string]map[string]string
	if err := s.python(ctx, &variables, "variables"); err != nil {
		return err
	}
	for function, of := range variables {
		of["AWS_ENDPOINT_URL"] = fmt.Sprintf("http://%s:%d", containerHost, awsPort)
		of["SSL_CERT_FILE"] = "/var/task/local.pem"
		if of["CLEVERTAP_ENDPOINT"] != "" {
			of["CLEVERTAP_ENDPOINT"] = fmt.Sprintf("https://%s:%d/{host}", containerHost, fakePort)
		}
		file := filepath.Join(buildFolder, function, "local.pem")
		err := os.WriteFile(file, s.authority.text, 0o644) //nolint:gosec // Any user of the container reads it.
		if err != nil {
			return err
		}
	}
	err := errors.Join(writeJSON(filepath.Join(runFolder, "variables.json"), variables), writeTemplate(variables))
	if err != nil || s.options.mode != modeAPI {
		return err
	}
	ready := func(ctx context.Context) bool {
		_, _, err := s.post(ctx, fixture{path: "/"})
		return err == nil
	}
	return s.start(ctx, "api", s.awsEnvironment(), ready,
		s.samLocal("start-api", "--port", strconv.Itoa(s.options.apiPort()), "--warm-containers", "LAZY")...)
}

// engineAddress is where containers of an engine on this machine reach it; the loopback address if there is none.
func engineAddress() string {
	network, err := net.InterfaceByName("docker0")
	if err != nil {
		return "127.0.0.1"
	}
	addresses, _ := network.Addrs()
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	return "127.0.0.1"
}

// writeTemplate writes the built template once more, so that it names every variable: `sam local` gives a function no
// others.
func writeTemplate(variables map[string]map[string]string) error {
	text, err := os.ReadFile(filepath.Join(buildFolder, "template.yaml"))
	if err != nil {
		return err
	}
	var template map[string]any
	if err := yaml.Unmarshal(text, &template); err != nil {
		return err
	}
	for function, of := range variables {
		names := map[string]string{} // Their values come from the list.
		for name := range of {
			names[name] = ""
		}
		resource, _ := template["Resources"].(map[string]any)[function].(map[string]any)
		properties, ok := resource["Properties"].(map[string]any)
		if !ok {
			return fmt.Errorf("the built template has no function %s", function)
		}
		properties["Environment"] = map[string]any{"Variables": names}
	}
	return writeJSON(filepath.Join(buildFolder, "docker.json"), template)
}

func writeJSON(file string, value any) error {
	text, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// samLocal is a command line of `sam local`. An image that is there is not asked for again; one that is missing is
// fetched.
func (s *stack) samLocal(command ...string) []string {
	line := append([]string{filepath.Join(tools, "sam"), "local"}, command...)
	return append(line, "--template", filepath.Join(buildFolder, "docker.json"),
		"--env-vars", filepath.Join(runFolder, "variables.json"),
		"--parameter-overrides", "Architecture="+s.options.architecture,
		"--add-host", containerHost+":host-gateway", "--skip-pull-image")
}

// invoke answers an event with a function. Beside the answer it returns what the function has logged.
func (s *stack) invoke(ctx context.Context, function, event string) (answer []byte, lines []logLine, err error) {
	log := filepath.Join(runFolder, "invoke", strings.TrimSuffix(filepath.Base(event), ".json")+".log")
	answer, err = finish(ctx, log, s.awsEnvironment(), s.samLocal("invoke", function, "--event", event)...)
	if err != nil {
		return nil, nil, err
	}
	if len(answer) == 0 {
		return nil, nil, fmt.Errorf("sam local invoke %s gives no answer:\n%s", function, tail(log))
	}
	text, err := os.ReadFile(filepath.Clean(log))
	for line := range strings.Lines(string(text)) {
		var l logLine
		if json.Unmarshal([]byte(line), &l) == nil {
			lines = append(lines, l)
		}
	}
	return answer, lines, err
}

// invokeRequest gives a request to the function that takes it.
func (s *stack) invokeRequest(ctx context.Context, f fixture) (status int, answer []byte, err error) {
	function, event := "Receiver", f.file
	if strings.HasPrefix(f.path, usersRoute) {
		function = "Users"
		if event, err = f.writeSigned(filepath.Join(runFolder, "signed")); err != nil {
			return 0, nil, err
		}
	}
	text, _, err := s.invoke(ctx, function, event)
	if err != nil {
		return 0, nil, err
	}
	var response struct {
		Status int    `json:"statusCode"`
		Body   string `json:"body"`
	}
	if err := json.Unmarshal(text, &response); err != nil {
		return 0, nil, fmt.Errorf("%s answers %s: %w", function, text, err)
	}
	return response.Status, []byte(response.Body), nil
}

// invokeBatches gives every batch to the forwarder, and shows what became of it.
func (s *stack) invokeBatches(ctx context.Context, batches []batch) error {
	s.screen.heading("Batches for the forwarder")
	for _, b := range batches {
		got, err := s.invokeBatch(ctx, b)
		if err != nil {
			return err
		}
		s.screen.compare(b.name, got.text(), b.want, got)
	}
	return nil
}

// invokeBatch gives a batch to the forwarder. A message of which the log says nothing was delivered.
func (s *stack) invokeBatch(ctx context.Context, b batch) (got batchOutcome, err error) {
	before, err := s.clevertap.records(ctx)
	if err != nil {
		return got, err
	}
	text, lines, err := s.invoke(ctx, "Forwarder", b.file)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		return got, fmt.Errorf("%s: %w", b.name, err)
	}
	for _, m := range b.want.Outcomes {
		end := messageOutcome{m.ID, "delivered", ""}
		for _, line := range lines {
			if line.MessageID == m.ID && line.Outcome != "" {
				end.Outcome, end.Reason = line.Outcome, line.Reason
			}
		}
		got.Outcomes = append(got.Outcomes, end)
	}
	after, err := s.clevertap.records(ctx)
	for _, u := range b.want.Uploads {
		upload := batchUpload{Account: u.Account}
		for _, r := range after[len(before):] {
			if r.account() == u.Account {
				upload.Records = append(upload.Records, r.Raw)
			}
		}
		slices.Sort(upload.Records)
		got.Uploads = append(got.Uploads, upload)
	}
	return got, err
}

// showAnswer gives an event of the user's to the function that takes such events.
func (s *stack) showAnswer(ctx context.Context, file string) error {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return err
	}
	function, err := functionOf(text)
	if err != nil {
		return fmt.Errorf("%s is %w", file, err)
	}
	answer, _, err := s.invoke(ctx, function, file)
	if err == nil {
		s.screen.heading("%s answers %s", function, file)
		s.screen.block(0, string(answer))
	}
	return err
}

// functionOf is the function that takes an event.
func functionOf(event []byte) (string, error) {
	var e struct {
		Records jsontext.Value `json:"Records"`
		Request jsontext.Value `json:"requestContext"`
		Path    string         `json:"rawPath"`
	}
	switch err := json.Unmarshal(event, &e); {
	case err == nil && e.Records != nil:
		return "Forwarder", nil
	case err == nil && e.Request != nil && strings.HasPrefix(e.Path, usersRoute):
		return "Users", nil
	case err == nil && e.Request != nil:
		return "Receiver", nil
	}
	return "", errors.New("neither a request nor a batch as Lambda hands them out; `bridge send` posts webhooks")
}
