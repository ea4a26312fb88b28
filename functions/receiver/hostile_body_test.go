package main_test

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"strings"
)

// hostile are bodies that are made to hurt a reader of JSON, each written until it has a size.
var hostile = map[string]func(size int) string{
	"an object of a million keys": func(size int) string {
		var b strings.Builder
		b.WriteString(`{"event_name":"ACTIVATE"`)
		for i := 0; b.Len() < size-24; i++ {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":0`)
		}
		return b.String() + "}"
	},
	"one key a million times": func(size int) string {
		return "{" + strings.Repeat(`"user_id":"a",`, size/14-1) + `"event_name":"ACTIVATE"}`
	},
	"ten thousand arrays in one another": func(size int) string {
		depth := max(10_000, size/2)
		return strings.Repeat("[", depth) + strings.Repeat("]", depth)
	},
	"ten thousand objects in one another": func(size int) string {
		depth := max(10_000, size/6-1)
		return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	},
	"arrays that never close":    func(size int) string { return `{"a":` + strings.Repeat("[", size-5) },
	"a number of nothing else":   func(size int) string { return strings.Repeat("9", size) },
	"a number as an attribute":   func(size int) string { return `{"amount":-1.` + strings.Repeat("3", size-20) + `e9}` },
	"an exponent of nothing":     func(size int) string { return `{"amount":1e` + strings.Repeat("9", size-20) + `}` },
	"escapes of every character": func(size int) string { return `{"user_id":"` + strings.Repeat(`\u0041`, size/6-4) + `"}` },
	"halves of surrogate pairs":  func(size int) string { return `{"user_id":"` + strings.Repeat(`\ud83d`, size/6-4) + `"}` },
	"invalid UTF-8":              func(size int) string { return `{"user_id":"` + strings.Repeat("\xc3\x28\xff", size/3-6) + `"}` },
	"overlong and forbidden":     func(size int) string { return strings.Repeat("\xc0\xaf\xed\xa0\x80\x00", size/6) },
	"zeros, as a zip bomb":       zipped,
}

// zipped is a thousand times as large once unpacked, which nobody asks for.
func zipped(size int) string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	zeros := make([]byte, 1<<16)
	for range min(size/70, 4000) {
		_, _ = w.Write(zeros) // It goes into memory.
	}
	_ = w.Close()
	return packed.String() + strings.Repeat("\x00", max(0, size-packed.Len()))
}
