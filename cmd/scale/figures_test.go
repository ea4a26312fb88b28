package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/integration"
	records "github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
	webhooksample "github.com/purchasely-clevertap/bridge/shared/webhook/sample"
)

// renewal is the catalogue's sample of the webhook that a burst is made of, as short as Purchasely writes it.
func renewal(t *testing.T) []byte {
	t.Helper()
	catalogue := webhook.EmbeddedCatalogue()
	for i := range catalogue.Events {
		if e := &catalogue.Events[i]; e.Name == "SUBSCRIPTION_RENEWED" {
			body := jsontext.Value(webhooksample.Webhook(e, 7))
			if err := body.Compact(); err != nil {
				t.Fatal(err)
			}
			return body
		}
	}
	t.Fatal("the catalogue has no renewal")
	return nil
}

// near tells whether a figure is what was measured, rounded up.
func near(t *testing.T, what string, figure, measured int) {
	t.Helper()
	if measured > figure || measured < figure*95/100 {
		t.Errorf("%s: %d, and %d are counted on", what, measured, figure)
	}
}

func TestARenewalIsAsLargeAsCounted(t *testing.T) {
	file, problems := integration.Load("test.yaml", []byte("apps:\n  demo: {}\n"))
	if file == nil {
		t.Fatal(problems)
	}
	var event webhook.Event
	if err := event.Read(renewal(t)); err != nil {
		t.Fatal(err)
	}
	var made records.Result
	records.New().Map(&made, &event, file.Apps["demo"], records.Production, time.Unix(1_795_402_927, 0), nil)
	profile := records.Merge(nil, []*records.Profile{made.Profile})
	if made.Event == nil || len(profile) == 0 || made.Charged != nil || made.Other != nil {
		t.Errorf("a renewal makes other records than the %d that are counted on", recordsPerWebhook)
	}
	near(t, "bytes of its records", recordBytes, len(made.Event)+len(profile)+2)
}

// TestAMessageIsAsLargeAsCounted puts the renewal into a message of the events that the functions are tried with.
func TestAMessageIsAsLargeAsCounted(t *testing.T) {
	text, err := os.ReadFile("../../events/forwarder-good.json")
	if err != nil {
		t.Fatal(err)
	}
	var event struct{ Records []map[string]any }
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	message := event.Records[0]
	message["body"] = string(renewal(t))
	message["receiptHandle"] = strings.Repeat("A", 412) // as long as SQS's own
	made, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "bytes of a message", messageBytes, len(made)+1)
}

func TestALineOfTheAccessLogIsAsLongAsCounted(t *testing.T) {
	template, err := readTemplate(templateFile, "")
	if err != nil {
		t.Fatal(err)
	}
	line := template.Text("Resources", "Api", "Properties", "AccessLogSettings", "Format")
	line = strings.NewReplacer(
		"$context.requestId", "JKJaXmPLvHcESHA=", "$context.requestTime", "23/Nov/2026:08:26:11 +0000",
		"$context.routeKey", "POST /purchasely/{app}", "$context.status", "200", "$context.responseLatency", "17",
		"$context.integrationStatus", "200", "$context.integrationLatency", "14", "$context.integrationErrorMessage", "-",
	).Replace(line)
	if strings.Contains(line, "$") {
		t.Errorf("the format has a variable that this test does not know: %s", line)
	}
	const ofItsOwn = 26 // CloudWatch adds so many bytes to every line (Logs, PutLogEvents).
	near(t, "bytes of a line", accessLog, len(line)+ofItsOwn)
}

// TestTheForwarderReadsAndWritesAsCounted looks for the constants where they are.
func TestTheForwarderReadsAndWritesAsCounted(t *testing.T) {
	var code strings.Builder
	for _, folder := range []string{"../../functions/forwarder", "../../shared/forward"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(text)
		}
	}
	for name, want := range map[string]int{"keysPerRead": keysPerRead, "readsAtOnce": readsAtOnce, "writesAtOnce": writesAtOnce, "writersAtOnce": writesAtOnce} {
		found := regexp.MustCompile(`\b`+name+`\s*= (\d+)\n`).FindAllStringSubmatch(code.String(), -1)
		if len(found) != 1 || found[0][1] != fmt.Sprint(want) {
			t.Errorf("%s is %v, and %d is counted on", name, found, want)
		}
	}
}
