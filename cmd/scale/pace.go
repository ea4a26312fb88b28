package main

import (
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// settingsTable says what the template sets.
func settingsTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	g := grid{{"", "FIFO", "standard"}}
	row := func(what string, value func(settings) string) {
		g.row(what, value(all[0]), value(all[1]))
	}
	row("messages in a batch", func(s settings) string { return grouped(s.batch) })
	row("batching window", func(s settings) string { return span(s.window) })
	row("forwarders at once on this queue", func(s settings) string { return grouped(s.concurrency) })
	row("forwarders at once on the other queue", func(s settings) string { return grouped(s.idle) })
	row("uploads at once of a forwarder", func(s settings) string { return grouped(s.uploads) })
	row("uploads at once together, at most", func(s settings) string { return grouped((s.concurrency + s.idle) * s.uploads) })
	row("memory of a forwarder", func(s settings) string { return grouped(s.memory) + " MB" })
	row("time-out of a forwarder", func(s settings) string { return span(s.timeout) })
	row("visibility time-out of the queue", func(s settings) string { return span(s.visibility) })
	row("a full batch takes the forwarder, at CleverTap's "+span(usualWorld.latency), func(s settings) string {
		m := model{s, usualWorld}
		return span(m.work(m.full()))
	})
	return g.markdown(1), nil
}

// byLatency begins a table with these columns and one for each latency.
func byLatency(columns ...string) grid {
	for _, latency := range latencies {
		columns = append(columns, "CleverTap in "+span(latency))
	}
	return grid{columns}
}

// caps are the numbers of forwarders in the capacity table beside the template's own.
var caps = map[string][]int{fifo: {2, 6, 13, 30}, standard: {2, 7, 15, 30}}

// capacityTable is what the closed formula gives.
func capacityTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	g := byLatency("queue", "forwarders at once")
	for _, s := range all {
		own := s.concurrency
		list := append([]int{own}, caps[s.queue]...)
		slices.Sort(list)
		for _, s.concurrency = range slices.Compact(list) {
			mark := ""
			if s.concurrency == own {
				mark = "**"
			}
			cells := []string{s.queue, mark + grouped(s.concurrency) + mark}
			for _, latency := range latencies {
				m := model{s, world{latency, sqsCall}}
				cells = append(cells, mark+whole(m.capacity())+mark)
			}
			g.row(cells...)
		}
	}
	return g.markdown(1), nil
}

// accountCap is how many webhooks a second CleverTap's cap allows an account, if uploads are as large as these batches make them and
// nothing else takes any time.
func accountCap(m model) float64 {
	n := m.full()
	return clevertap.MaxInFlight * float64(n) / float64(uploadsOf(n)) / m.latency.Seconds()
}

func accountTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	g := byLatency("queue", "webhooks in an upload")
	for _, s := range all {
		m := model{s, usualWorld}
		cells := []string{s.queue, grouped(m.full() / uploadsOf(m.full()))}
		for _, m.latency = range latencies {
			cells = append(cells, whole(accountCap(m)))
		}
		g.row(cells...)
	}
	return g.markdown(1), nil
}

// burstTable simulates a million renewals in ten minutes.
func burstTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	g := grid{{"queue", "CleverTap in", "by the formula", "most waiting", "oldest message", "all delivered after the burst's end"}}
	for _, s := range all {
		for _, latency := range latencies {
			m := model{s, world{latency, sqsCall}}
			c, err := newSimulation(m, usualLoad).run()
			if err != nil {
				return "", err
			}
			g.row(s.queue, span(latency), whole(m.capacity())+"/s", grouped(c.peak.Waiting), span(c.oldest.Age), span(c.caughtUp))
		}
	}
	return g.markdown(2), nil
}
