package main

import "slices"

// row is one line of the table: a figure, what nobody can get below, what a plain implementation takes, and what is aimed at.
type row struct {
	name  string
	unit  unit
	of    figure
	floor beside
	plain beside // of no name: there is none
	aim   aim    // nil: there is none
}

// unit is what the table shows, and how many of the benchmark's own units make one.
type unit struct {
	name string
	of   float64
}

// beside is a figure that another is compared with.
type beside struct {
	name string
	figure
}

var (
	fromMicroseconds = unit{"ms", 1e3}
	fromNanoseconds  = unit{"µs", 1e3}
	megabytes        = unit{"MB", 1}
	perMessage       = unit{"µs/message", 1}
)

// rows is the table.
var rows = slices.Concat(receiverRows, stepRows, forwarderRows)

// The receiver is compared with functions that run in turns with it.
var receiverRows = []row{
	{"receiver: exec to first answer, p50", fromMicroseconds, cold("receiver-p50-µs"),
		beside{"no-op", cold("noop-p50-µs")}, beside{"SDK as it comes", cold("plain-p50-µs")}, above(4)},
	{"receiver: the same, processor time", fromMicroseconds, cold("receiver-cpu-µs"),
		beside{"no-op", cold("noop-cpu-µs")}, beside{"SDK as it comes", cold("plain-cpu-µs")}, nil},
	{"receiver: warm call, p50", fromMicroseconds, warm("receiver-p50-µs"),
		beside{"no-op", warm("noop-p50-µs")}, beside{"SDK as it comes", warm("plain-p50-µs")}, above(0.3)},
	{"receiver: warm call, p99", fromMicroseconds, warm("receiver-p99-µs"),
		beside{"no-op", warm("noop-p99-µs")}, beside{"SDK as it comes", warm("plain-p99-µs")}, above(1)},
	{"receiver: warm call, processor time", fromMicroseconds, warm("receiver-cpu-µs"),
		beside{"post alone", warm("post-cpu-µs")}, beside{"SDK as it comes", warm("plain-cpu-µs")}, nil},
	{"receiver: resident", megabytes, warm("receiver-resident-MB"),
		beside{"no-op", warm("noop-resident-MB")}, beside{"SDK as it comes", warm("plain-resident-MB")}, below(25)},
	{"receiver: binary", megabytes, cold("receiver-binary-MB"),
		beside{"no-op", cold("noop-binary-MB")}, beside{"SDK as it comes", cold("plain-binary-MB")}, below(9)},
}

func cold(unit string) figure { return figure{"functions/receiver", "Receiver/cold", unit} }
func warm(unit string) figure { return figure{"functions/receiver", "Receiver/warm", unit} }

// The steps of both functions, each in a process of its own, all in processor time.
var stepRows = []row{
	{"signature check", fromNanoseconds, step("webhook", "Verify"), beside{"HMAC alone", step("webhook", "HMAC")}, beside{}, nil},
	{"reading only the ids", fromNanoseconds, step("webhook", "Peek"),
		beside{"tokens alone", step("webhook", "Tokens")}, beside{"encoding/json", step("webhook", "PlainPeek")}, nil},
	{"reading the tokens alone", fromNanoseconds, step("webhook", "Tokens"), beside{"memory copy", step("webhook", "Copy")}, beside{}, nil},
	{"reading every attribute", fromNanoseconds, step("mapping", "Read"), beside{"tokens alone", step("mapping", "Floor")}, beside{}, nil},
	{"mapping, bytes to both records", fromNanoseconds, step("mapping", "Map"),
		beside{"tokens alone", step("mapping", "Floor")}, beside{"encoding/json, maps", step("mapping", "Plain")}, below(7.5)},
	{"upload of 1,000 ready records", fromNanoseconds, step("clevertap", "Upload/bridge/records=1000"),
		beside{"memory copy", step("clevertap", "Upload/copy/records=1000")},
		beside{"encoding/json", step("clevertap", "Upload/plain/records=1000")}, nil},
	{"answer that accepts 1,000 records", fromNanoseconds, step("clevertap", "Answer/bridge/all_accepted"),
		beside{"tokens alone", step("clevertap", "Answer/tokens/all_accepted")},
		beside{"encoding/json", step("clevertap", "Answer/plain/all_accepted")}, nil},
	{"answer that refuses 1,000 records", fromNanoseconds, step("clevertap", "Answer/bridge/all_refused"),
		beside{"tokens alone", step("clevertap", "Answer/tokens/all_refused")},
		beside{"encoding/json", step("clevertap", "Answer/plain/all_refused")}, nil},
}

func step(room, benchmark string) figure { return figure{"shared/" + room, benchmark, "cpu-ns/op"} }

// The forwarder as a whole, in processor time.
var forwarderRows = []row{
	{"forwarder: batch of 10", perMessage, forward("Forwarder/bridge/batch=10"),
		beside{"ready bytes, posted", forward("ForwarderFloor/batch=10")},
		beside{"encoding/json, maps", forward("Forwarder/plain/batch=10")}, timesLess(2.5)},
	{"forwarder: batch of 1,000", perMessage, forward("Forwarder/bridge/batch=1000"),
		beside{"ready bytes, posted", forward("ForwarderFloor/batch=1000")},
		beside{"encoding/json, maps", forward("Forwarder/plain/batch=1000")}, timesLess(5)},
	{"subscriber state: batch of 10", perMessage, subscriber("on/batch=10"), beside{"without state", subscriber("off/batch=10")}, beside{}, nil},
	{"subscriber state: batch of 1,000", perMessage, subscriber("on/batch=1000"), beside{"without state", subscriber("off/batch=1000")}, beside{}, nil},
}

func forward(benchmark string) figure {
	return figure{"shared/forward", benchmark, "cpu-µs/msg"}
}

func subscriber(state string) figure {
	return figure{"functions/forwarder", "Subscriber/state=" + state, "cpu-µs/msg"}
}
