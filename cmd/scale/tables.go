package main

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/template"
)

// table is one of docs/design/scale.md, row by row, the headings first.
type table [][]string

// String is the table in Markdown, the first column aligned to the left and the others to the right.
func (t table) String() string {
	var b strings.Builder
	for i, cells := range t {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(cells)-1) + "\n")
		}
	}
	return b.String()
}

// tables are all of the page, made from the settings of both queues.
var tables = map[string]func(both []model) table{
	"capacity": capacityTable, "bursts": burstTable, "costs": costTable, "fill": fillTable,
}

var latencies = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second}

// capacityTable shows what the formula gives for several ways to share out uploads, the template's in bold, then for a
// slower SQS, for pollers that gather a batch while the forwarder works on the last one, and for CleverTap's cap, when
// an account always has fifteen uploads under way.
func capacityTable(both []model) table {
	t := table{{"forwarders × uploads"}}
	for _, latency := range latencies {
		t[0] = append(t[0], "CleverTap in "+span(latency))
	}
	row := func(m model, label, mark string, value func(model) float64) {
		cells := []string{fmt.Sprintf("%s: %s%d × %d%s%s", m.QueueType, mark, m.Forwarders, m.Uploads, mark, label)}
		for _, m.latency = range latencies {
			cells = append(cells, mark+whole(value(m))+mark)
		}
		t = append(t, cells)
	}
	others := map[string][][2]int{
		template.FIFO:     {{2, 1}, {6, 1}, {13, 1}, {30, 1}, {5, 2}, {3, 3}},
		template.Standard: {{2, 1}, {5, 2}, {3, 3}, {7, 2}, {15, 2}, {30, 2}},
	}
	for _, m := range both {
		usual := m
		row(m, "", "**", model.capacity)
		for _, slower := range []time.Duration{2 * sqsCall, 5 * sqsCall} {
			m.sqs = slower
			row(m, ", SQS in "+span(slower), "", model.capacity)
		}
		m.sqs = sqsCall
		for _, other := range others[m.QueueType] {
			m.Forwarders, m.Uploads = other[0], other[1]
			row(m, "", "", model.capacity)
		}
		m.Forwarders, m.Uploads = usual.Forwarders, usual.Uploads
		row(m, ", gathering meanwhile", "", func(m model) float64 {
			return float64(m.Forwarders*m.full()) / m.work(m.full()).Seconds()
		})
		m.Forwarders, m.Uploads = clevertap.MaxInFlight, 1
		row(m, ", always uploading", "", func(m model) float64 {
			return float64(m.Forwarders*m.full()) / float64(uploads(m.full())) / m.latency.Seconds()
		})
	}
	return t
}

func burstTable(both []model) table {
	t := table{{"CleverTap in", "by the formula", "most waiting", "oldest message", "delivered after the burst's end"}}
	for _, m := range both {
		for _, m.latency = range latencies {
			s := simulate(m, usualLoad)
			t = append(t, []string{
				m.QueueType + ": " + span(m.latency), whole(m.capacity()) + "/s",
				grouped(s.mostWaiting().waiting), span(s.greatestAge().age), span(s.caughtUp),
			})
		}
	}
	return t
}

type cost struct {
	name    string
	dollars float64
}

// costs is what a million webhooks cost in batches of n messages, the sum last: list prices of us-east-1 in dollars,
// without the free tiers (AWS's price pages, November 2026).
func (m model) costs(n int) []cost {
	const million, gigabyte, invocation = 1e6, 1 << 30, 0.20
	compute := func(seconds float64, megabytes int) float64 { // on arm64
		return invocation + million*seconds*float64(megabytes)/1024*0.0000133334
	}
	const write, read = 0.625, 0.125 // of an item of 1 KB, and consistently of one of 4 KB
	call, size, table := 0.50, float64(n), 2*write+keysPerWebhook*read
	if m.QueueType == template.Standard {
		call, table = 0.40, table+read
	}
	if !m.Subscribers {
		table = 0
	}
	lines := []cost{
		{"API Gateway", 1.00},                          // requests of at most 512 KB
		{"receiver", compute(0.015, m.ReceiverMemory)}, // billed for 15 ms, most of them SQS
		{"queue: send", call},
		{"queue: receive and delete", 2 * call * float64(ceil(n, messagesPerCall)) / size},
		{"forwarder", compute(m.work(n).Seconds(), m.Memory) / size},
		{"logs", million * (260 + 890/size) * 0.50 / gigabyte}, // bytes of access log, and of a batch's log and metrics
		// Besides its records an upload has headers and its share of TLS.
		{"traffic to CleverTap", million * (recordBytes + 900*float64(uploads(n))/size) * 0.09 / gigabyte},
		{"subscribers table", table},
	}
	together := 0.0
	for _, line := range lines {
		together += line.dollars
	}
	return append(lines, cost{"**together**", together})
}

func costTable(both []model) table {
	t := table{{"dollars per million webhooks"}}
	for _, m := range both {
		for _, n := range []int{m.full(), m.full() / 2, 1} {
			t[0] = append(t[0], m.QueueType+", "+grouped(n)+" a batch")
			for i, line := range m.costs(n) {
				if 1+i == len(t) {
					t = append(t, []string{line.name})
				}
				t[1+i] = append(t[1+i], fmt.Sprintf("%.2f", line.dollars))
			}
		}
	}
	return t
}

// fillTable simulates ten minutes of an even load, which shows how full batches are and what a month costs.
func fillTable(both []model) table {
	t := table{{"webhooks a second", "a month"}}
	for _, m := range both {
		t[0] = append(t[0], m.QueueType+": a batch has", "per million", "a month")
	}
	for _, rate := range []int{1, 5, 20, 80, 500, 1000} {
		millions := float64(rate) * 30 * 24 * 3600 / 1e6
		cells := []string{grouped(rate), whole(millions) + " M"}
		for _, m := range both {
			if float64(rate) >= m.capacity() {
				cells = append(cells, "–", "–", "–")
				continue
			}
			s := simulate(m, load{rate: rate, quiet: usualLoad.quiet, over: usualLoad.over})
			all, dollars := 0, 0.0
			for _, n := range slices.Sorted(maps.Keys(s.batches)) {
				lines, batches := m.costs(n), s.batches[n]
				all += batches
				dollars += lines[len(lines)-1].dollars * float64(n*batches) / float64(s.delivered)
			}
			size := fmt.Sprintf("%.3g", float64(s.delivered)/float64(all))
			cells = append(cells, size, fmt.Sprintf("%.2f", dollars), whole(dollars*millions))
		}
		t = append(t, cells)
	}
	return t
}

func grouped(n int) string { return message.NewPrinter(language.English).Sprint(n) }

func whole(x float64) string { return grouped(int(math.Round(x))) }

// span writes a duration with as many digits as people need.
func span(d time.Duration) string {
	switch {
	case d >= time.Hour:
		d = d.Round(time.Minute)
	case d >= 10*time.Second:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(100 * time.Millisecond)
	}
	return regexp.MustCompile(`([hm])0m?0?s$`).ReplaceAllString(d.String(), "$1")
}
