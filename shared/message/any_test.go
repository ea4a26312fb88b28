package message_test

import (
	"errors"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/message"
)

// FuzzAnyMessageIsReadOrRefused: who may send to the queue may write anything. A message is read, or refused for good; no text makes it
// come back for ever.
func FuzzAnyMessageIsReadOrRefused(f *testing.F) {
	f.Add("{}", "1", "demo", "2026-11-23T06:27:22.000Z", "raw")
	f.Add("\n", "1", "demo", "2026-11-23T06:27:22.000Z", "base64")
	f.Add("====", "1", "demo", "2026-11-23T06:27:22.000Z", "base64")
	f.Add("{}", "01", "../demo", "0000-00-00T99:99:99Z", "RAW")
	f.Add("\x00\xff", "", "", "", "")
	f.Fuzz(func(t *testing.T, body, schema, app, received, encoding string) {
		attributes := map[string]string{"schema": schema, "app": app, "received_at": received, "encoding": encoding}
		m, err := message.Decode(body, func(name string) string { return attributes[name] })
		if err == nil {
			if schema != "1" || m.App != app {
				t.Fatalf("read %+v of schema %q and app %q", m, schema, app)
			}
			return
		}
		refused, ok := errors.AsType[*fault.Fault](err)
		if !ok || refused.Kind != fault.Reject || refused.Reason != fault.Malformed && refused.Reason != fault.UnknownSchema {
			t.Fatalf("error is %v", err)
		}
	})
}
