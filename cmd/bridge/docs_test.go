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

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/config"
)

var (
	consoles = regexp.MustCompile("(?s)```(console|yaml)\n(.*?)```\n")
	// answers are what the page's reader types.
	answers = regexp.MustCompile(`(\[y/N\]|to delete:) ([a-z0-9]+)\n`)
	took    = regexp.MustCompile(`after \d+ ms`)
	madeUp  = regexp.MustCompile(`event id [-0-9a-f]{36}, user \S+:`) // by chance
)

// TestPages runs every command of the guide's pages and compares what it prints with what the page shows;
// UPDATE_GOLDEN=1 writes what is printed into the page. The commands of one block follow each other; each block begins
// anew. A block of YAML is the integration file of the blocks after it.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/guide/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		page, err := filepath.Abs(page)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(page), func(t *testing.T) { checkPage(t, page) })
	}
}

func checkPage(t *testing.T, page string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	integrations := ""
	made := consoles.ReplaceAllStringFunc(string(text), func(block string) string {
		match := consoles.FindStringSubmatch(block)
		lines := match[2]
		if match[1] == "yaml" {
			integrations = lines
			return block
		}
		var b strings.Builder
		name, _, _ := strings.Cut(lines, "\n")
		t.Run(name, func(t *testing.T) {
			enterRepository(t)
			files := pageFiles()
			if integrations != "" {
				files["integrations.yaml"] = integrations
			}
			for file, content := range files {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
				furnish(t, c, lines)
				for part := range strings.SplitSeq(lines, "$ ") {
					if part != "" {
						command, shown, _ := strings.Cut(part, "\n")
						b.WriteString("$ " + command + "\n" + printed(t, c, command, shown))
					}
				}
			})
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
		t.Errorf("%s shows what is not printed; UPDATE_GOLDEN=1 writes it anew (-page +printed):\n%s", page, diff)
	}
}

// pageFiles are those that the page's commands read.
func pageFiles() map[string]string {
	const renewed = `{"event_name":"SUBSCRIPTION_RENEWED","event_created_at":"2025-05-02T10:00:00.000Z",` +
		`"user_id":"anna"}` + "\n"
	const purchasely = `{"purchasely":{"shared_secret":"shared-4711"}`
	const trial = `{"event_name":"TRIAL_STARTED","event_id":"6e4c0f5e-0a8f-4c57-9a0e-0b8b7f3a3f21",` +
		`"event_created_at":"2026-10-05T18:20:00.000Z","user_id":"learner-90466","store":"APPLE_APP_STORE",` +
		`"purchase_type":"RENEWING_SUBSCRIPTION","plan":"plus_monthly","store_country":"PT","environment":"PRODUCTION",` +
		`"offer_type":"FREE_TRIAL","subscription_status":"AUTO_RENEWING",` +
		`"effective_next_renewal_at":"2026-10-19T18:20:00.000Z"}` + "\n"
	const payment = `{"event_name":"TRANSACTION_PROCESSED","event_id":"b1a7c1de-5d3b-4c53-8a44-2f7f8f0f6a10",` +
		`"event_created_at":"2026-10-19T18:20:04.000Z","user_id":"learner-90466","store":"APPLE_APP_STORE",` +
		`"purchase_type":"RENEWING_SUBSCRIPTION","product":"PARLA_PLUS","plan":"plus_monthly",` +
		`"store_product_id":"com.example.parla.plus.monthly","store_transaction_id":"230001234567890",` +
		`"amount_in_eur":9.99,"amount_in_customer_currency":9.99,"customer_currency":"EUR",` +
		`"environment":"PRODUCTION","offer_type":"NONE","subscription_status":"AUTO_RENEWING"}` + "\n"
	summer := strings.Replace(string(config.Integrations), "ACTIVATE: {send: false}",
		"ACTIVATE: {send: false}\n        SUBSCRIPTION_RENEWED: {name: Subscription Renewed}\n"+
			"        RENEWAL_DISABLED: {send: false}", 1)
	return map[string]string{
		"summer.yaml": summer,
		"trial.json":  trial, "payment.json": payment,
		"demo.json":       purchasely + `,"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`,
		"purchasely.json": purchasely + "}",
		"backfill.jsonl":  strings.Replace(strings.Repeat(renewed, 30), "05-02", "04-01", 1),
		"subscribers.csv": "app,user_id,purchase_id,active,at\n" +
			"demo,anna,subs_2,true,2026-11-01T08:00:00Z\ndemo,ben,subs_3,true,2026-10-20T19:30:00Z\n",
		"links.csv": "user_id,anonymous_user_id,clevertap_id,observed_at\nanna,,-hA2,2026-11-20T08:00:00Z\n" +
			",A-1,-hA1,\n,A-3,__g3,2026-11-20T08:00:00+01:00\n",
	}
}

// typist types an answer whenever somebody waits for one, and it shows.
type typist struct {
	answers []string
	typed   io.Reader
	screen  io.Writer
}

func (t *typist) Read(p []byte) (int, error) {
	n, err := t.typed.Read(p)
	if err == nil || len(t.answers) == 0 {
		return n, err
	}
	line := t.answers[0] + "\n"
	t.answers, t.typed = t.answers[1:], strings.NewReader(line)
	_, _ = io.WriteString(t.screen, line)
	return t.typed.Read(p)
}

// printed runs a command line as a shell does, with pipes and a file as input, and returns what a terminal shows.
func printed(t *testing.T, c *clitest.Cloud, command, shown string) string {
	t.Helper()
	var screen bytes.Buffer
	person := &typist{typed: strings.NewReader(""), screen: &screen}
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
		cli.Run(t.Context(), newRootCommand(c), strings.Fields(part)[1:], in, out, &screen)
		in = &pipe
	}
	text := took.ReplaceAllString(screen.String(), "after 12 ms")
	if strings.Contains(command, "--seed") {
		return text
	}
	return madeUp.ReplaceAllString(text, "event id 5d1c7a50-6e1f-4b8e-9c41-7f0a52d3b6e9, user learner-20113:")
}

// TestTheGuidesCommandsExist holds every command line of the pages for people on call against the real commands and
// flags.
func TestTheGuidesCommandsExist(t *testing.T) {
	command := regexp.MustCompile("(?m)^ {4,}(.*\\bbridge .*)$|`(bridge [^`]*)`")
	for _, page := range []string{"runbook.md", "apps.md", "subscribers.md", "marketers.md", "support.md",
		"users.md", "data-protection.md", "relay.md"} {
		text, err := os.ReadFile(filepath.Join("../../docs/guide", page))
		if err != nil {
			t.Fatal(err)
		}
		found := command.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s has no command", page)
		}
		for _, match := range found {
			for part := range strings.SplitSeq(match[1]+match[2], "|") {
				words := strings.Fields(part)
				if len(words) == 0 || words[0] != "bridge" {
					continue
				}
				cmd, rest, err := newRootCommand(nil).Find(words[1:])
				if err == nil && !cmd.HasParent() {
					t.Errorf("%s: there is no command %q", page, part)
				}
				if err == nil {
					err = cmd.ParseFlags(rest)
				}
				if err != nil {
					t.Errorf("%s: %q: %v", page, part, err)
				}
			}
		}
	}
}
