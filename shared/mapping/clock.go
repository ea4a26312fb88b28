package mapping

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// clock finds the times of the webhook: when it was created, else when the purchase was made, each by its date, else by its
// milliseconds; else when it was received. A time that CleverTap would not take as ts does not count.
func (w *work) clock(received time.Time) {
	for _, date := range [...]int{w.at.createdAt, w.at.purchasedAt} {
		if w.ms = sane(parseDate(w.e.Value(date))); w.ms != 0 {
			break
		}
		if w.ms = sane(webhook.ParseMillis(w.e.Value(w.twin(date)))); w.ms != 0 {
			break
		}
	}
	w.Created = w.ms
	at := w.ms
	if at == 0 {
		at = received.UnixMilli()
	}
	w.ts = seconds(at)
	if w.order = sane(webhook.ParseMillis(w.e.Value(w.twin(w.at.createdAt)))); w.order == 0 {
		w.order = at
	}
}

// twin is the row of a date's milliseconds.
func (w *work) twin(date int) int { return w.catalogue.Attributes[date].Millis }

// sane is a time that CleverTap takes as ts, else 0.
func sane(ms int64, ok bool) int64 {
	if s := seconds(ms); !ok || s < 1 || s > clevertap.MaxTime {
		return 0
	}
	return ms
}

// date reads a date of the catalogue, by its milliseconds where the date itself is missing or cannot be read.
func (w *work) date(row int) (ms int64, ok bool) {
	if ms, ok = parseDate(w.e.Value(row)); ok {
		return ms, true
	}
	return webhook.ParseMillis(w.e.Value(w.twin(row)))
}

// parseDate reads a date's value. Nearly all are texts without escapes, which need no copy.
func parseDate(raw jsontext.Value) (ms int64, ok bool) {
	if raw.Kind() == jsontext.KindString && bytes.IndexByte(raw, '\\') < 0 {
		return webhook.ParseTime(raw[1 : len(raw)-1])
	}
	return webhook.ParseDate(raw)
}
