package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// subscribers is an empty table on loopback.
func subscribers(t *testing.T) (*awstest.Server, *awstest.Table, *table) {
	t.Helper()
	server := awstest.New(t, nil)
	for name, value := range server.Env() {
		t.Setenv(name, value)
	}
	cloud, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server, server.Dynamo.Create("subscribers", "subscriber"), newTable(dynamodb.NewFromConfig(cloud, forTable), "subscribers")
}

func TestAnEntryIsWrittenOnlyOverWhatWasRead(t *testing.T) {
	for name, c := range map[string]struct {
		stored awstest.Item // besides the key; nil: no item
		read   string
		want   error
	}{
		"nothing there, nothing read":      {nil, "", nil},
		"nothing there, something read":    {nil, "one", forward.ErrConflict},
		"what was read":                    {awstest.Item{"state": awstest.S("one")}, "one", nil},
		"something else by now":            {awstest.Item{"state": awstest.S("two")}, "one", forward.ErrConflict},
		"something by now":                 {awstest.Item{"state": awstest.S("one")}, "", forward.ErrConflict},
		"an empty text":                    {awstest.Item{"state": awstest.S("")}, "", nil},
		"what is no text":                  {awstest.Item{"state": awstest.N(1)}, "", nil},
		"an item that another version had": {awstest.Item{"version": awstest.N(1)}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, table, h := subscribers(t)
			if c.stored != nil {
				c.stored["subscriber"] = awstest.S("key")
				table.Put(c.stored)
			}
			if err := h.Write(t.Context(), "key", c.read, "new"); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if got := table.Item("key")["state"].Text(); (got == "new") != (c.want == nil) {
				t.Errorf("the text is %q now", got)
			}
		})
	}
}

func TestEveryEntryIsReadHoweverManyThereAre(t *testing.T) {
	server, table, h := subscribers(t)
	table.LeaveOut(3)
	var keys []string
	for i := range 950 {
		keys = append(keys, fmt.Sprint("key-", i))
		if i%2 == 0 {
			table.Put(awstest.Item{"subscriber": awstest.S(keys[i]), "state": awstest.S(keys[i])})
		}
	}
	texts, err := h.Read(t.Context(), keys)
	if err != nil || len(texts) != 475 || texts["key-948"] != "key-948" {
		t.Errorf("%d texts, %v", len(texts), err)
	}
	if n := server.Dynamo.Calls("BatchGetItem"); n != 10+3 {
		t.Errorf("%d calls, want one for each hundred and three for what was left out", n)
	}
}

func TestNotesSayWhatWasAccepted(t *testing.T) {
	_, table, h := subscribers(t)
	if err := h.SaveDelivered(t.Context(), "note-1", forward.Event|forward.Charged); err != nil {
		t.Fatal(err)
	}
	table.Put(awstest.Item{"subscriber": awstest.S("note-2"), "accepted": awstest.N(3)})
	noted, err := h.LoadDelivered(t.Context(), []string{"note-1", "note-2", "note-3"})
	if err != nil || noted["note-1"] != forward.Event|forward.Charged || noted["note-2"] != 0 || noted["note-3"] != 0 {
		t.Errorf("noted %v, %v", noted, err)
	}
}

// What the table's trouble is called holds no key and no address.
func TestTheTablesTroubleIsToldByItsCode(t *testing.T) {
	for name, c := range map[string]struct {
		trouble awstest.Trouble
		want    string
	}{
		"throttled":   {awstest.Throttle, "subscriber table: ThrottlingException"},
		"denied":      {awstest.Trouble{Status: 400, Code: "AccessDeniedException"}, "subscriber table: AccessDeniedException"},
		"unreachable": {awstest.Reset, "subscriber table: out of reach"},
		"short":       {awstest.Trouble{}, "subscriber table left keys unanswered"},
	} {
		t.Run(name, func(t *testing.T) {
			server, table, h := subscribers(t)
			if table.Put(awstest.Item{"subscriber": awstest.S("key")}); name == "short" {
				table.LeaveOut(100)
			}
			server.Dynamo.Trouble(c.trouble)
			_, err := h.Read(t.Context(), []string{"key"})
			if err == nil || err.Error() != c.want || strings.Contains(err.Error(), "key ") {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if name == "short" {
				return
			}
			if err := h.Write(t.Context(), "key", "", "x"); err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}
