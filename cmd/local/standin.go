package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// bridgeTool is the project's own command-line tool, which the Makefile builds beside this program.
const bridgeTool = ".local/bridge"

// standIn is the strict stand-in for CleverTap, in a process of its own.
type standIn struct {
	*server
	endpoint string
	admin    string
}

// startStandIn starts it with the demo app's two accounts, in two regions, so that the choice of region shows.
func startStandIn(ctx context.Context, port int) (*standIn, error) {
	for _, p := range []int{port, port + 1} {
		if err := free(p, "STANDIN_PORT"); err != nil {
			return nil, err
		}
	}
	listen, admin := "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(port+1)
	s := &standIn{endpoint: "http://" + listen, admin: "http://" + admin}
	var err error
	s.server, err = startServer("the stand-in", filepath.Join(home, "standin.log"), toolEnvironment(), bridgeTool, "standin",
		"--listen", listen, "--admin", admin, "--exit-with-parent",
		"--account", productionAccount+":"+demoPasscode+":eu1",
		"--account", sandboxAccount+":"+demoPasscode+":in1")
	if err != nil {
		return nil, err
	}
	return s, s.until(ctx, 10*time.Second, func(ctx context.Context) bool {
		_, err := s.records(ctx)
		return err == nil
	})
}

// record is one that the stand-in has accepted.
type record struct {
	Number  int    `json:"number"`
	Name    string `json:"name"`
	Account string `json:"account"`
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	Raw     string `json:"raw"`
}

// objection is what the stand-in took and CleverTap would presumably spoil in silence.
type objection struct {
	Account string `json:"account"`
	Rule    string `json:"rule"`
	Key     string `json:"key"`
}

// records returns all accepted records in their order.
func (s *standIn) records(ctx context.Context) ([]record, error) {
	var records []record
	return records, s.read(ctx, "/records", &records)
}

// objections returns all objections.
func (s *standIn) objections(ctx context.Context) ([]objection, error) {
	var objections []objection
	return objections, s.read(ctx, "/objections", &objections)
}

// order tells it to change something.
func (s *standIn) order(ctx context.Context, method, path, order string) error {
	_, err := s.ask(ctx, method, path, order)
	return err
}

func (s *standIn) read(ctx context.Context, path string, into any) error {
	text, err := s.ask(ctx, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the stand-in's %s: %w", path, err)
	}
	return nil
}

func (s *standIn) ask(ctx context.Context, method, path, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.admin+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return answer(http.DefaultClient, r)
}
