package main

import (
	"fmt"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// splitTable shows every way in which forwarders may share the uploads that an account may have, both queues' mappings together.
func splitTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	g := byLatency("queue", "forwarders × uploads")
	for _, s := range all {
		own := s
		for s.uploads = 1; (fewest+s.idle)*s.uploads <= clevertap.MaxInFlight; s.uploads++ {
			s.concurrency = clevertap.MaxInFlight/s.uploads - s.idle
			if s.uploads == own.uploads {
				s.concurrency = own.concurrency
			}
			cells := []string{s.queue, fmt.Sprintf("%d × %d", s.concurrency, s.uploads)}
			for _, latency := range latencies {
				cells = append(cells, whole(model{s, world{latency, sqsCall}}.capacity()))
			}
			if s == own {
				for i := range cells[1:] {
					cells[i+1] = "**" + cells[i+1] + "**"
				}
			}
			g.row(cells...)
		}
	}
	return g.markdown(1), nil
}

// pollingTable shows what hangs on an assumption that only a deployed stack can prove.
func pollingTable(template string) (string, error) {
	g := grid{{"a call to SQS takes", "FIFO", "standard", "messages in a standard batch"}}
	all, err := both(template)
	if err != nil {
		return "", err
	}
	for _, call := range []time.Duration{5 * time.Millisecond, sqsCall, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond} {
		w := world{usualWorld.latency, call}
		g.row(span(call), whole(model{all[0], w}.capacity()), whole(model{all[1], w}.capacity()), grouped(model{all[1], w}.full()))
	}
	return g.markdown(1), nil
}

// memoryTable shows what the forwarder's share of a core is worth, and what it costs.
func memoryTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	g := grid{{"memory", "FIFO", "standard", "forwarder, per million: FIFO", "standard"}}
	for _, memory := range []int{256, 512, 1024, fullCore} {
		cells := []string{grouped(memory) + " MB"}
		var dollars []string
		for _, s := range all {
			s.memory = memory
			m := model{s, usualWorld}
			cells = append(cells, whole(m.capacity()))
			dollars = append(dollars, fmt.Sprintf("%.2f", m.forwarding(m.full())))
		}
		g.row(append(cells, dollars...)...)
	}
	return g.markdown(1), nil
}
