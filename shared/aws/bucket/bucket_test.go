package bucket_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// newBucket returns an empty bucket, as the fake and as the adapter.
func newBucket(t *testing.T) (*awstest.Server, *bucket.Bucket) {
	t.Helper()
	server := awstest.NewInProcess(nil)
	server.S3.Create("settings")
	return server, bucket.New(server.Config(), "settings", time.Second)
}

func put(s *awstest.Server, text string) string {
	return s.S3.Put("settings", settings.Key, []byte(text))
}

func TestTheNewestVersionIsReadUnlessItIsKnown(t *testing.T) {
	server, b := newBucket(t)
	if _, err := b.Get(t.Context(), ""); !errors.Is(err, settings.ErrNoObject) {
		t.Errorf("an empty bucket: %v", err)
	}
	put(server, "one")
	version := put(server, "two")
	object, err := b.Get(t.Context(), "")
	if err != nil || string(object.Text) != "two" || object.Version != version {
		t.Fatalf("%+v, %v", object, err)
	}
	if _, err := b.Get(t.Context(), object.ETag); !errors.Is(err, settings.ErrNotModified) {
		t.Errorf("with the same ETag: %v", err)
	}
	put(server, "three")
	if changed, err := b.Get(t.Context(), object.ETag); err != nil || string(changed.Text) != "three" {
		t.Errorf("after a change: %+v, %v", changed, err)
	}
	server.S3.Delete("settings", settings.Key)
	if _, err := b.Get(t.Context(), object.ETag); !errors.Is(err, settings.ErrNoObject) {
		t.Errorf("after a deletion: %v", err)
	}
}

func TestATooLargeObjectIsNamedAndNotRead(t *testing.T) {
	server, b := newBucket(t)
	put(server, strings.Repeat("x", settings.MaxBytes))
	if object, err := b.Get(t.Context(), ""); err != nil || len(object.Text) != settings.MaxBytes {
		t.Errorf("%d bytes, %v", len(object.Text), err)
	}
	version := put(server, strings.Repeat("x", settings.MaxBytes+1))
	for name, get := range map[string]func() (settings.Object, error){
		"the newest": func() (settings.Object, error) { return b.Get(t.Context(), "") },
		"by its id":  func() (settings.Object, error) { return b.GetVersion(t.Context(), version) },
	} {
		if object, err := get(); !errors.Is(err, settings.ErrTooLarge) || object.ETag == "" || object.Text != nil {
			t.Errorf("%s: ETag %s, %d bytes, %v", name, object.ETag, len(object.Text), err)
		}
	}
}

// Only what is not there is no object: whoever may not see it must not take it for deleted.
func TestWhatIsOutOfReachIsNotAMissingObject(t *testing.T) {
	for name, test := range map[string]struct {
		fault awstest.Fault
		kind  fault.Kind
	}{
		"no answer":      {awstest.Hang, fault.Retry},
		"S3 is down":     {awstest.Down, fault.Retry},
		"cut off":        {awstest.Reset, fault.Retry},
		"forbidden":      {awstest.Fault{Status: 403, Code: "AccessDenied"}, fault.Operator},
		"another code":   {awstest.Fault{Status: 404, Code: "SomethingElse"}, fault.Retry},
		"no such bucket": {awstest.Fault{Status: 404, Code: "NoSuchBucket"}, fault.Operator},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, b := newBucket(t)
				put(server, "one")
				server.S3.Inject(test.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, getErr := b.Get(ctx, "")
				_, listErr := b.Versions(ctx)
				for _, err := range []error{getErr, listErr} {
					f, marked := errors.AsType[*fault.Fault](err)
					if !marked || f.Kind != test.kind || strings.Contains(f.Error(), awstest.ErrorText) {
						t.Errorf("%v", err)
					}
				}
			})
		})
	}
}

func TestTheHistoryIsOfTheObjectAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, b := newBucket(t)
		server.S3.Put("settings", settings.Key+".bak", []byte("another object"))
		var want []bucket.Version
		note := func(id string, size int64, deleted bool) {
			want = slices.Insert(want, 0, bucket.Version{ID: id, Time: time.Now().UTC(), Bytes: size, Deleted: deleted})
			time.Sleep(time.Second)
		}
		note(put(server, "1"), 1, false)
		server.S3.Delete("settings", settings.Key)
		note("version-000003", 0, true)
		note(put(server, "333"), 3, false)
		want[0].Latest = true
		got, err := b.History(t.Context())
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		ids, err := b.Versions(t.Context())
		if err != nil || !slices.Equal(ids, []string{"version-000004", "version-000002"}) {
			t.Errorf("versions %v, %v", ids, err)
		}
	})
}

func TestNobodyOverwritesWhatHeHasNotSeen(t *testing.T) {
	server, b := newBucket(t)
	write := func(text, etag string) (settings.Object, error) {
		return b.Put(t.Context(), []byte(text), etag, bucket.Note{Author: "rosée", Message: "a + b"})
	}
	first, err := write("one", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write("two", ""); !errors.Is(err, bucket.ErrConflict) {
		t.Errorf("as if there were none: %v", err)
	}
	second, err := write("two", first.ETag)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write("three", first.ETag); !errors.Is(err, bucket.ErrConflict) {
		t.Errorf("over a version that was not seen: %v", err)
	}
	object, note, err := b.Read(t.Context(), second.Version)
	if err != nil || string(object.Text) != "two" || note != (bucket.Note{Author: "rosée", Message: "a + b"}) {
		t.Errorf("%+v %+v, %v", object, note, err)
	}
	server.S3.Inject(awstest.Fault{Status: 409, Code: "ConditionalRequestConflict"})
	if _, err := write("three", second.ETag); !errors.Is(err, bucket.ErrConflict) {
		t.Errorf("while somebody else writes: %v", err)
	}
}

func TestAVersionThatHasExpiredIsNoObject(t *testing.T) {
	server, b := newBucket(t)
	version := put(server, "one")
	put(server, "two")
	server.S3.Forget("settings", settings.Key, version)
	if _, err := b.GetVersion(t.Context(), version); !errors.Is(err, settings.ErrNoObject) {
		t.Errorf("%v", err)
	}
}
