package mapping_test

import (
	_ "embed"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/benchtest"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// renewal is a webhook of the usual size, 1.75 kB on the wire.
//
//go:embed testdata/renewal-of-usual-size/in.json
var renewal []byte

// BenchmarkMap measures the whole way from a webhook's bytes to those of both records.
func BenchmarkMap(b *testing.B) {
	app, mapper := load(b, "apps:\n  demo: {}\n"), mapping.New()
	var e webhook.Event
	var r mapping.Result
	var upload []byte
	states := make([]*mapping.Profile, 1)
	b.SetBytes(int64(len(renewal)))
	benchtest.Measure(b, func() error {
		if err := e.Read(renewal); err != nil {
			return err
		}
		mapper.Map(&r, &e, app, mapping.Production, atReceipt, mapping.Known{}, nil)
		states[0] = r.Profile
		upload = mapping.Merge(append(upload[:0], r.Event...), states)
		return nil
	})
	if len(upload) == 0 {
		b.Fatal("nothing to upload")
	}
}

// BenchmarkRead is the part of it that reads.
func BenchmarkRead(b *testing.B) {
	var e webhook.Event
	b.SetBytes(int64(len(renewal)))
	benchtest.Measure(b, func() error { return e.Read(renewal) })
}
