package main

// List prices of us-east-1 in dollars (AWS's price pages, November 2026), without the free tiers.
const (
	million         = 1_000_000
	apiPrice        = 1.00 / million // a request of at most 512 KB to an HTTP API
	invokePrice     = 0.20 / million
	computePrice    = 0.0000133334 // a second of a gigabyte on arm64
	fifoCallPrice   = 0.50 / million
	queueCallPrice  = 0.40 / million // on a standard queue
	logPrice        = 0.50 / gigabyte
	trafficPrice    = 0.09 / gigabyte // from AWS to CleverTap; the first 100 GB of a month are free
	writePrice      = 0.625 / million // of an item of at most 1 KB
	readPrice       = 0.125 / million // strongly consistent, of at most 4 KB
	gigabyte        = 1 << 30
	megabytesPerGiB = 1024
)

// Bytes that cost money.
const (
	accessLog    = 260 // a line of the API's access log; a test measures it
	uploadHeader = 900 // what an upload has besides its records: headers, and its share of TLS
)

// costLine is what a million webhooks cost in one respect, when batches have n messages.
type costLine struct {
	what    string
	dollars func(m model, n int) float64
}

var costLines = []costLine{
	{"API Gateway", func(model, int) float64 { return million * apiPrice }},
	{"receiver", func(m model, _ int) float64 {
		return million * (invokePrice + receiverTime.Seconds()*float64(m.receiver)/megabytesPerGiB*computePrice)
	}},
	{"queue: send", func(m model, _ int) float64 { return million * m.callPrice() }},
	{"queue: receive and delete", func(m model, n int) float64 {
		return 2 * million / float64(n) * float64(ceil(n, callMessages)) * m.callPrice()
	}},
	{"forwarder", model.forwarding},
	{"logs", func(_ model, n int) float64 { return million * (accessLog + forwarderLog/float64(n)) * logPrice }},
	{"traffic to CleverTap", func(_ model, n int) float64 {
		return million * (recordBytes + uploadHeader*float64(uploadsOf(n))/float64(n)) * trafficPrice
	}},
	{"subscriber table", model.subscriberTable},
}

// forwarding is what a million webhooks cost the forwarder.
func (m model) forwarding(n int) float64 {
	return million / float64(n) * (invokePrice + m.work(n).Seconds()*float64(m.memory)/megabytesPerGiB*computePrice)
}

// subscriberTable is a write and a read for each webhook, and on the standard queue a second read.
func (m model) subscriberTable(int) float64 {
	switch {
	case !m.subscriberState:
		return 0
	case m.queue == standard:
		return million * (writePrice + 2*readPrice)
	}
	return million * (writePrice + readPrice)
}

func (m model) callPrice() float64 {
	if m.queue == fifo {
		return fifoCallPrice
	}
	return queueCallPrice
}

// cost is what a million webhooks cost altogether.
func (m model) cost(n int) (sum float64) {
	for _, line := range costLines {
		sum += line.dollars(m, n)
	}
	return sum
}
