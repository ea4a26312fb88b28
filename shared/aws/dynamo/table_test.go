package dynamo_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

var _ forward.Table = (*dynamo.Table)(nil)

// newTable returns an empty table, as the fake and as the adapter.
func newTable(t *testing.T) (*awstest.Server, *awstest.Table, *dynamo.Table) {
	t.Helper()
	server := awstest.NewInProcess(nil)
	fake := server.Dynamo.Create("subscribers", "subscriber", "item")
	return server, fake, dynamo.NewTable(server.Config(), "subscribers", time.Second)
}

// key is the state of a person at an account.
func key(person string) subscriber.Key { return subscriber.StateKey(person, "A") }

// state is an item with a state.
func state(text string) subscriber.Item { return subscriber.Item{"state": text} }

func TestAnItemIsReplacedOnlyIfItIsTheOneThatWasRead(t *testing.T) {
	one, two := awstest.S("one"), awstest.S("two")
	for name, c := range map[string]struct {
		stored awstest.Item // besides the keys; nil: no item
		read   subscriber.Item
		want   error
	}{
		"no item, none was read":           {nil, nil, nil},
		"no item, one was read":            {nil, state("one"), subscriber.ErrConflict},
		"the text that was read":           {awstest.Item{"state": one}, state("one"), nil},
		"another text":                     {awstest.Item{"state": two}, state("one"), subscriber.ErrConflict},
		"an item, but none was read":       {awstest.Item{"state": one}, nil, subscriber.ErrConflict},
		"an attribute that nobody asks of": {awstest.Item{"state": one, "more": two}, state("one"), nil},
		"an item of an older version":      {awstest.Item{"version": awstest.N(1)}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, fake, table := newTable(t)
			if c.stored != nil {
				c.stored["subscriber"], c.stored["item"] = awstest.S("anna"), awstest.S("state#A")
				fake.Put(c.stored)
			}
			err := table.Replace(t.Context(), key("anna"), c.read, state("new"), "state")
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if got := fake.Item("anna", "state#A")["state"].Text(); (got == "new") != (c.want == nil) {
				t.Errorf("the text is now %q", got)
			}
		})
	}
}

// Whatever lies in an attribute, it can be read and then replaced, and seen to have changed.
func TestAnItemOfAnyTypesCanBeReplaced(t *testing.T) {
	for name, value := range map[string]awstest.Value{
		"a number": awstest.N(1), "a fraction": awstest.Value(`{"N":"1.5"}`),
		"a boolean": awstest.Value(`{"BOOL":true}`), "nothing": awstest.Value(`{"NULL":true}`),
	} {
		t.Run(name, func(t *testing.T) {
			_, fake, table := newTable(t)
			fake.Put(awstest.Item{"subscriber": awstest.S("anna"), "item": awstest.S("state#A"), "state": value})
			items, err := table.Load(t.Context(), []subscriber.Key{key("anna")})
			if err != nil || items[key("anna")] == nil {
				t.Fatalf("items %v, %v", items, err)
			}
			read := items[key("anna")]
			if err := table.Replace(t.Context(), key("anna"), read, state("new"), "state"); err != nil {
				t.Error(err)
			}
			err = table.Replace(t.Context(), key("anna"), read, state("newer"), "state")
			if !errors.Is(err, subscriber.ErrConflict) {
				t.Errorf("error %v although somebody has written", err)
			}
		})
	}
}

func TestAllItemsAreReadAndWrittenHoweverManyThereAre(t *testing.T) {
	server, fake, table := newTable(t)
	items := make(map[subscriber.Key]subscriber.Item)
	var keys []subscriber.Key
	for i := range 950 {
		keys = append(keys, key(fmt.Sprint("person-", i)))
		if i%2 == 0 {
			items[keys[i]] = subscriber.Item{"state": fmt.Sprint(i), "n": int64(i), "b": []byte{1, 2}}
		}
	}
	fake.LeaveUnprocessed(3)
	if failed, err := table.Put(t.Context(), items); err != nil || len(failed) > 0 {
		t.Fatalf("%d not written, %v", len(failed), err)
	}
	if n := server.Dynamo.Calls("BatchWriteItem"); n != 19+3 {
		t.Errorf("%d calls, want one for 25 items each and three for unprocessed ones", n)
	}
	fake.LeaveUnprocessed(3)
	found, err := table.Load(t.Context(), keys)
	if diff := cmp.Diff(items, found); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	if n := server.Dynamo.Calls("BatchGetItem"); n != 10+3 {
		t.Errorf("%d calls, want one for a hundred keys each and three for unprocessed ones", n)
	}
}

func TestOnlyTheAttributesThatAreNamedAreRead(t *testing.T) {
	_, _, table := newTable(t)
	stored := subscriber.Item{"state": "s", "body": []byte{1}, "n": int64(7)}
	if _, err := table.Put(t.Context(), map[subscriber.Key]subscriber.Item{key("anna"): stored}); err != nil {
		t.Fatal(err)
	}
	found, err := table.Only("state", "n", "absent").Load(t.Context(), []subscriber.Key{key("anna"), key("bert")})
	want := map[subscriber.Key]subscriber.Item{key("anna"): {"state": "s", "n": int64(7)}}
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}

func TestAPartitionIsListedAndItsItemsDeleted(t *testing.T) {
	_, _, table := newTable(t)
	items := map[subscriber.Key]subscriber.Item{
		subscriber.StateKey("anna", "A"): state("s"), subscriber.PersonKey("anna", "demo"): {"clevertap_id": "__x"},
		subscriber.StateKey("bert", "A"): state("t"),
	}
	var minutes []string
	for i := range 120 { // more than a page
		at := time.UnixMilli(int64(i) * 60_000)
		items[subscriber.EventKey("anna", "demo", at, "e")] = state("u")
		minutes = append(minutes, subscriber.EventKey("anna", "demo", at, "e").Sort)
	}
	if _, err := table.Put(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string][]string{
		"": append(minutes, "person#demo", "state#A"), "state#": {"state#A"}, "event#": minutes, "link#": nil,
	} {
		var got []string
		for entry, err := range table.Partition(t.Context(), "anna", prefix) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, entry.Key.Sort)
			if diff := cmp.Diff(items[entry.Key], entry.Item); diff != "" {
				t.Error(diff)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("prefix %q: %v, want %v", prefix, got, want)
		}
	}
	for _, want := range []bool{true, false} {
		if found, err := table.Delete(t.Context(), subscriber.StateKey("anna", "A")); found != want || err != nil {
			t.Errorf("deleted %t, %v, want %t", found, err, want)
		}
	}
}

// An error has AWS's code and no key or address.
func TestErrorsOfTheTable(t *testing.T) {
	private := key("private-person")
	calls := map[string]func(*testing.T, *dynamo.Table) error{
		"BatchGetItem": func(t *testing.T, table *dynamo.Table) error {
			_, err := table.Load(t.Context(), []subscriber.Key{private})
			return err
		},
		"BatchWriteItem": func(t *testing.T, table *dynamo.Table) error {
			failed, err := table.Put(t.Context(), map[subscriber.Key]subscriber.Item{private: state("private-text")})
			if len(failed) != 1 || failed[0] != private {
				t.Errorf("not written: %v", failed)
			}
			return err
		},
		"PutItem": func(t *testing.T, table *dynamo.Table) error {
			return table.Replace(t.Context(), private, nil, state("private-text"), "state")
		},
		"DeleteItem": func(t *testing.T, table *dynamo.Table) error {
			_, err := table.Delete(t.Context(), private)
			return err
		},
		"Query": func(t *testing.T, table *dynamo.Table) (err error) {
			for _, err = range table.Partition(t.Context(), "private-person", "") {
			}
			return err
		},
	}
	for name, c := range map[string]struct {
		fault awstest.Fault
		kind  fault.Kind
		want  string
	}{
		"throttled":   {awstest.Throttle, fault.Retry, "ThrottlingException"},
		"denied":      {awstest.Fault{Status: 400, Code: "AccessDeniedException"}, fault.Operator, "AccessDeniedException"},
		"unreachable": {awstest.Reset, fault.Retry, "connection reset by peer"},
	} {
		for call, do := range calls {
			t.Run(name+" "+call, func(t *testing.T) {
				server, _, table := newTable(t)
				server.Dynamo.Inject(c.fault)
				f, ok := errors.AsType[*fault.Fault](do(t, table))
				if !ok || f.Kind != c.kind || f.Reason != fault.Table || f.Err.Error() != "DynamoDB "+call+": "+c.want {
					t.Errorf("error %v, want DynamoDB %s: %s", f, call, c.want)
				}
			})
		}
	}
}

func TestKeysThatStayUnprocessedAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, fake, table := newTable(t)
		fake.LeaveUnprocessed(100)
		began := time.Now()
		_, err := table.Load(t.Context(), []subscriber.Key{key("anna")})
		if failed, ok := errors.AsType[*aws.Error](err); !ok ||
			failed.Error() != "DynamoDB BatchGetItem: items left unprocessed" {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 750*time.Millisecond {
			t.Errorf("gave up after %s", took)
		}
	})
}

func TestAScanReturnsWhatIsInTheRangeAndGoesOnBehindAKey(t *testing.T) {
	server, fake, table := newTable(t)
	var all []subscriber.Key
	for _, person := range []string{"anna", "ben"} {
		for minute := range 60 {
			at := time.UnixMilli(int64(minute) * 60_000)
			key := subscriber.EventKey(person, "demo", at, "e")
			fake.Put(awstest.Item{
				"subscriber": awstest.S(key.Partition), "item": awstest.S(key.Sort), "received": awstest.N(at.UnixMilli()),
			})
			if minute >= 10 && minute <= 50 {
				all = append(all, key)
			}
		}
		fake.Put(awstest.Item{"subscriber": awstest.S(person), "item": awstest.S("state#A"),
			"received": awstest.N(20 * 60_000)})
	}
	among := dynamo.Range{Attribute: "received", From: 10 * 60_000, To: 50 * 60_000}
	scan := func(after subscriber.Key, most int) (keys []subscriber.Key) {
		for entry, err := range table.Scan(t.Context(), subscriber.EventPrefix, among, after) {
			if err != nil {
				t.Fatal(err)
			}
			if keys = append(keys, entry.Key); len(keys) == most {
				break
			}
		}
		return keys
	}
	if diff := cmp.Diff(all, scan(subscriber.Key{}, -1)); diff != "" {
		t.Error(diff)
	}
	first := scan(subscriber.Key{}, 30)
	if _, err := table.Delete(t.Context(), first[29]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, append(first, scan(first[29], -1)...)); diff != "" {
		t.Error(diff)
	}
	server.Dynamo.Inject(awstest.Down)
	for _, err := range table.Scan(t.Context(), subscriber.EventPrefix, among, subscriber.Key{}) {
		if f := fault.Of(err); f == nil || f.Reason != fault.Table {
			t.Errorf("error %v", err)
		}
	}
}
