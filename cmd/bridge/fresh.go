package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stored"
)

// freshSample is a sample as if it had just been made: a new event id, or the queue would take it for a repetition, and the present
// time, or CleverTap's campaigns would take it for old news.
func freshSample(event string, now time.Time) ([]byte, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	body, err := sampleWebhook(event, binary.BigEndian.Uint64(id[:]))
	if err != nil {
		return nil, err
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a random UUID, version 4
	created := `"` + now.UTC().Format("2006-01-02T15:04:05.000Z") + `"`
	return replaceValues(body, map[string]string{
		"event_id":            fmt.Sprintf(`"%x-%x-%x-%x-%x"`, id[0:4], id[4:6], id[6:8], id[8:10], id[10:16]),
		"event_created_at":    created,
		"received_at":         created, // its name in version 2
		"event_created_at_ms": strconv.FormatInt(now.UnixMilli(), 10),
	}), nil
}

// replaceValues replaces the values of an object's own names and leaves every other byte as it is. What is no object stays whole.
func replaceValues(object []byte, values map[string]string) []byte {
	decoder := jsontext.NewDecoder(bytes.NewReader(object), stored.Lenient...)
	if begin, err := decoder.ReadToken(); err != nil || begin.Kind() != '{' {
		return object
	}
	var out []byte
	copied := 0
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return object
		}
		key := name.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return object
		}
		if replacement, ok := values[key]; ok {
			end := int(decoder.InputOffset())
			out = append(append(out, object[copied:end-len(value)]...), replacement...)
			copied = end
		}
	}
	return append(out, object[copied:]...)
}
