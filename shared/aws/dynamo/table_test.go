package dynamo_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// newTable returns an empty table, as the fake and as the adapter.
func newTable(t *testing.T) (*awstest.Server, *awstest.Table, *dynamo.Table) {
	t.Helper()
	server := awstest.NewInProcess(nil)
	fake := server.Dynamo.Create("subscribers", "subscriber")
	return server, fake, dynamo.NewTable(server.Config(), "subscribers", time.Second)
}

func TestAnEntryIsReplacedOnlyIfItIsTheOneThatWasRead(t *testing.T) {
	for name, c := range map[string]struct {
		stored awstest.Item // besides the key; nil: no item
		read   string
		want   error
	}{
		"no entry, none was read":     {nil, "", nil},
		"no entry, one was read":      {nil, "one", forward.ErrConflict},
		"the text that was read":      {awstest.Item{"state": awstest.S("one")}, "one", nil},
		"another text":                {awstest.Item{"state": awstest.S("two")}, "one", forward.ErrConflict},
		"a text, but none was read":   {awstest.Item{"state": awstest.S("one")}, "", forward.ErrConflict},
		"an empty text":               {awstest.Item{"state": awstest.S("")}, "", nil},
		"a state that is not a text":  {awstest.Item{"state": awstest.N(1)}, "", nil},
		"an item of an older version": {awstest.Item{"version": awstest.N(1)}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, fake, table := newTable(t)
			if c.stored != nil {
				c.stored["subscriber"] = awstest.S("key")
				fake.Put(c.stored)
			}
			if err := table.Write(t.Context(), "key", c.read, "new"); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if got := fake.Item("key")["state"].Text(); (got == "new") != (c.want == nil) {
				t.Errorf("the text is now %q", got)
			}
		})
	}
}

func TestAllEntriesAreReadHoweverManyThereAre(t *testing.T) {
	server, fake, table := newTable(t)
	fake.LeaveUnprocessed(3)
	var keys []string
	for i := range 950 {
		keys = append(keys, fmt.Sprint("key-", i))
		if i%2 == 0 {
			fake.Put(awstest.Item{"subscriber": awstest.S(keys[i]), "state": awstest.S(keys[i])})
		}
	}
	texts, err := table.Read(t.Context(), keys)
	if err != nil || len(texts) != 475 || texts["key-948"] != "key-948" {
		t.Errorf("%d texts, %v", len(texts), err)
	}
	if n := server.Dynamo.Calls("BatchGetItem"); n != 10+3 {
		t.Errorf("%d calls, want one for each hundred keys and three for unprocessed keys", n)
	}
}

func TestOneEntryIsReadAndDeleted(t *testing.T) {
	_, fake, table := newTable(t)
	if _, found, err := table.ReadEntry(t.Context(), "key"); found || err != nil {
		t.Errorf("found %t, %v", found, err)
	}
	if err := table.Write(t.Context(), "key", "", "text"); err != nil {
		t.Fatal(err)
	}
	entry, found, err := table.ReadEntry(t.Context(), "key")
	age := subscriber.Lifetime - time.Until(entry.Expires)
	if !found || err != nil || entry.Text != "text" || age < 0 || age > time.Minute {
		t.Errorf("read %+v, %t, %v", entry, found, err)
	}
	for _, want := range []bool{true, false} {
		if found, err := table.Delete(t.Context(), "key"); found != want || err != nil {
			t.Errorf("deleted %t, %v, want %t", found, err, want)
		}
	}
	fake.Put(awstest.Item{"subscriber": awstest.S("key"), "state": awstest.N(1), "expires": awstest.S("soon")})
	if entry, found, err := table.ReadEntry(t.Context(), "key"); !found || err != nil || entry != (dynamo.Entry{}) {
		t.Errorf("read %+v, %t, %v", entry, found, err)
	}
}

func TestAcceptedRecordsAreKept(t *testing.T) {
	_, fake, table := newTable(t)
	const two = forward.Event | forward.Charged
	if err := table.SaveDelivered(t.Context(), "note-1", two); err != nil {
		t.Fatal(err)
	}
	fake.Put(awstest.Item{"subscriber": awstest.S("note-2"), "accepted": awstest.N(3)})
	got, err := table.LoadDelivered(t.Context(), []string{"note-1", "note-2", "note-3"})
	if err != nil || got["note-1"] != two || got["note-2"] != 0 || got["note-3"] != 0 {
		t.Errorf("accepted %v, %v", got, err)
	}
}

// An error has AWS's code and no key or address.
func TestErrorsOfTheTable(t *testing.T) {
	denied := awstest.Fault{Status: 400, Code: "AccessDeniedException"}
	for name, c := range map[string]struct {
		fault awstest.Fault
		kind  fault.Kind
		want  string
	}{
		"throttled":   {awstest.Throttle, fault.Retry, "ThrottlingException"},
		"denied":      {denied, fault.Operator, "AccessDeniedException"},
		"unreachable": {awstest.Reset, fault.Retry, "connection reset by peer"},
	} {
		t.Run(name, func(t *testing.T) {
			server, _, table := newTable(t)
			server.Dynamo.Inject(c.fault)
			_, read := table.Read(t.Context(), []string{"private"})
			_, _, readOne := table.ReadEntry(t.Context(), "private")
			_, deleted := table.Delete(t.Context(), "private")
			for call, err := range map[string]error{
				"BatchGetItem": read, "GetItem": readOne, "DeleteItem": deleted,
				"PutItem": table.Write(t.Context(), "private", "", "private"),
			} {
				want := "DynamoDB " + call + ": " + c.want
				f, ok := errors.AsType[*fault.Fault](err)
				if !ok || f.Kind != c.kind || f.Reason != fault.Table || f.Err.Error() != want {
					t.Errorf("error %v, want %s", err, want)
				}
			}
		})
	}
}

func TestKeysThatStayUnprocessedAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, fake, table := newTable(t)
		fake.LeaveUnprocessed(100)
		began := time.Now()
		_, err := table.Read(t.Context(), []string{"key"})
		failed, ok := errors.AsType[*aws.Error](err)
		if !ok || failed.Error() != "DynamoDB BatchGetItem: keys left unprocessed" {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 750*time.Millisecond {
			t.Errorf("gave up after %s", took)
		}
	})
}
