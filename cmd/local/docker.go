package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// containerHost is the name of this machine in a container.
const containerHost = "host.docker.internal"

// docker runs the functions with `sam local` in containers, where they use the local AWS and the fake CleverTap.
//
// A container's loopback is its own, so both servers have to be reached otherwise. An engine of this machine has a
// network here, and at its address the relays listen; Docker Desktop leads containerHost to this machine's loopback.
// The functions take plain HTTP to CleverTap for loopback only, so the relay to the fake speaks TLS.
type docker struct {
	stack     *stack
	listeners []net.Listener
}

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

// startDocker makes the servers reachable from containers, and a template and a list of variables for `sam local`.
func startDocker(ctx context.Context, s *stack) (*docker, error) {
	d := &docker{stack: s}
	certificate, authority, err := newCertificate()
	if err != nil {
		return d, err
	}
	host, awsPort, fakePort := engineAddress(), s.options.Port, s.options.FakePort+3
	if host != "127.0.0.1" {
		if err := d.relay(host, awsPort, s.options.Port, nil); err != nil {
			return d, err
		}
	}
	if err := d.relay(host, fakePort, s.options.FakePort, certificate); err != nil {
		return d, err
	}
	var variables map[string]map[string]string
	if err := s.python(ctx, &variables, "variables"); err != nil {
		return d, err
	}
	for function, of := range variables {
		of["AWS_ENDPOINT_URL"] = fmt.Sprintf("http://%s:%d", containerHost, awsPort)
		of["SSL_CERT_FILE"] = "/var/task/local.pem"
		if of["CLEVERTAP_ENDPOINT"] != "" {
			of["CLEVERTAP_ENDPOINT"] = fmt.Sprintf("https://%s:%d/{host}", containerHost, fakePort)
		}
		file := filepath.Join(buildFolder, function, "local.pem")
		if err := os.WriteFile(file, authority, 0o644); err != nil { //nolint:gosec // Any user of the container reads it.
			return d, err
		}
	}
	return d, errors.Join(writeJSON(filepath.Join(runFolder, "variables.json"), variables), writeTemplate(variables))
}

func (d *docker) stop() {
	for _, l := range d.listeners {
		_ = l.Close()
	}
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

// relay passes connections on to a port of the loopback address, with TLS in front of it if there is a certificate.
func (d *docker) relay(host string, port, to int, certificate *tls.Certificate) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // It waits for nothing.
	if err != nil {
		return fmt.Errorf("a port for containers: %w", err)
	}
	if certificate != nil {
		config := &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
		listener = tls.NewListener(listener, config)
	}
	d.listeners = append(d.listeners, listener)
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // It is closed.
			}
			go connect(from, net.JoinHostPort("127.0.0.1", strconv.Itoa(to)))
		}
	}()
	return nil
}

// connect copies in both directions until both sides have ended. What goes wrong shows at either end.
func connect(from net.Conn, address string) {
	defer func() { _ = from.Close() }()
	to, err := net.Dial("tcp", address) //nolint:noctx // Loopback answers at once.
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(from, to)
}

// newCertificate makes a certificate for this machine, also as containers know it. It is its own authority.
func newCertificate() (certificate *tls.Certificate, authority []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{containerHost}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
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

// sam is a command line of `sam local`. An image that is there is not asked for again; one that is missing is fetched.
func (d *docker) sam(command ...string) []string {
	line := append([]string{filepath.Join(tools, "sam"), "local"}, command...)
	return append(line, "--template", filepath.Join(buildFolder, "docker.json"),
		"--env-vars", filepath.Join(runFolder, "variables.json"),
		"--parameter-overrides", "Architecture="+d.stack.options.architecture,
		"--add-host", containerHost+":host-gateway", "--skip-pull-image")
}

// invoke answers an event with a function. Beside the answer it returns what the function has logged.
func (d *docker) invoke(ctx context.Context, function, event string) (answer []byte, lines []logLine, err error) {
	log := filepath.Join(runFolder, "invoke", strings.TrimSuffix(filepath.Base(event), ".json")+".log")
	answer, err = finish(ctx, log, d.stack.awsEnvironment(), d.sam("invoke", function, "--event", event)...)
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

// post gives a request to the function that takes it.
func (d *docker) post(ctx context.Context, f fixture) (status int, answer []byte, err error) {
	function, event := "Receiver", f.file
	if strings.HasPrefix(f.path, usersRoute) {
		function = "Users"
		if event, err = f.writeSigned(filepath.Join(runFolder, "signed")); err != nil {
			return 0, nil, err
		}
	}
	text, _, err := d.invoke(ctx, function, event)
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

// startAPI puts the API in front of containers.
func (d *docker) startAPI(ctx context.Context) (api *server, url string, err error) {
	port := strconv.Itoa(d.stack.options.apiPort())
	url = "http://127.0.0.1:" + port
	api, err = startServer("sam local start-api", filepath.Join(runFolder, "api.log"), d.stack.awsEnvironment(),
		d.sam("start-api", "--port", port, "--warm-containers", "LAZY")...)
	if err != nil {
		return nil, "", err
	}
	return api, url, api.until(ctx, time.Minute, func(ctx context.Context) bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		return response.Body.Close() == nil
	})
}

// showAnswer gives an event of the user's to the function that takes such events.
func (s *stack) showAnswer(ctx context.Context, file string, screen *screen) error {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return err
	}
	function, err := functionOf(text)
	if err != nil {
		return fmt.Errorf("%s is %w", file, err)
	}
	answer, _, err := s.docker.invoke(ctx, function, file)
	if err == nil {
		screen.heading("%s answers %s", function, file)
		screen.block(0, string(answer))
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
