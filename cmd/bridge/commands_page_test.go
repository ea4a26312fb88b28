package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	consoles = regexp.MustCompile("(?s)```console\n(.*?)```\n")
	// answers are what the page's reader types.
	answers = regexp.MustCompile(`(\[y/N\]|to delete:) ([a-z0-9]+)\n`)
	took    = regexp.MustCompile(`after \d+ ms`)
)

// TestCommandsPage runs every command of docs/guide/commands.md and compares what it prints with what the page shows; UPDATE_GOLDEN=1 writes what is
// printed into the page. The commands of one block follow each other; each block begins anew.
func TestCommandsPage(t *testing.T) {
	page, err := filepath.Abs("../../docs/guide/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	events, err := filepath.Abs("../../events")
	if err != nil {
		t.Fatal(err)
	}
	made := consoles.ReplaceAllStringFunc(string(text), func(block string) string {
		var b strings.Builder
		name, _, _ := strings.Cut(strings.TrimPrefix(block, "```console\n"), "\n")
		t.Run(name, func(t *testing.T) {
			cloud := inhabited(t)
			folder := t.TempDir()
			if err := os.CopyFS(filepath.Join(folder, "events"), os.DirFS(events)); err != nil {
				t.Fatal(err)
			}
			t.Chdir(folder)
			for file, content := range pageFiles() {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Contains(block, "app add") && !strings.Contains(block, "--replace") {
				clear(cloud.secrets)
			}
			for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(block, "```console\n"), "```\n"), "$ ") {
				if part != "" {
					command, shown, _ := strings.Cut(part, "\n")
					b.WriteString("$ " + command + "\n" + console(t, command, shown))
				}
			}
		})
		return "```console\n" + b.String() + "```\n"
	})
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(page, []byte(made), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), made); diff != "" {
		t.Errorf("docs/guide/commands.md shows what is not printed; UPDATE_GOLDEN=1 writes it anew (-page +printed):\n%s", diff)
	}
}

// pageFiles are those that the page's commands read.
func pageFiles() map[string]string {
	text := strings.Replace(strings.Repeat(`{"event_name":"SUBSCRIPTION_RENEWED","event_created_at":"2025-05-02T10:00:00.000Z","user_id":"anna"}`+"\n", 30), "05-02", "04-01", 1)
	return map[string]string{
		"demo.json":       `{"purchasely":{"shared_secret":"shared-4711"},"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`,
		"purchasely.json": `{"purchasely":{"shared_secret":"shared-4711"}}`,
		"backfill.jsonl":  text,
		"subscribers.csv": "app,user_id,purchase_id,active,at\ndemo,anna,subs_2,true,2026-11-01T08:00:00Z\ndemo,ben,subs_3,true,2026-10-20T19:30:00Z\n",
	}
}

// typist types an answer whenever somebody waits for one, and it shows.
type typist struct {
	answers []string
	screen  io.Writer
}

func (t *typist) Read(p []byte) (int, error) {
	if len(t.answers) == 0 {
		return 0, io.EOF
	}
	line := t.answers[0] + "\n"
	t.answers = t.answers[1:]
	_, _ = io.WriteString(t.screen, line)
	return copy(p, line), nil
}

// console runs a command line as a shell does, with pipes and a file as input, and gives what a terminal shows.
func console(t *testing.T, command, shown string) string {
	t.Helper()
	var screen bytes.Buffer
	person := &typist{screen: &screen}
	for _, answer := range answers.FindAllStringSubmatch(shown, -1) {
		person.answers = append(person.answers, answer[2])
	}
	var in io.Reader = person
	command, file, ok := strings.Cut(command, " < ")
	if ok {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	parts := strings.Split(command, " | ")
	for i, part := range parts {
		var pipe bytes.Buffer
		out := io.Writer(&pipe)
		if i == len(parts)-1 {
			out = &screen
		}
		run(t.Context(), strings.Fields(part)[1:], in, out, &screen)
		in = &pipe
	}
	return took.ReplaceAllString(screen.String(), "after 12 ms")
}
