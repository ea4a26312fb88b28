package main

import "fmt"

// costTable has a column for each queue and fill of batches.
func costTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	type column struct {
		m model
		n int
	}
	g := grid{{"dollars per million webhooks"}}
	var columns []column
	for _, s := range all {
		m := model{s, usualWorld}
		for _, n := range []int{m.full(), m.full() / 2, 1} {
			columns = append(columns, column{m, n})
			g[0] = append(g[0], s.queue+", "+grouped(n)+" a batch")
		}
	}
	row := func(what string, dollars func(m model, n int) float64) {
		cells := []string{what}
		for _, c := range columns {
			cells = append(cells, fmt.Sprintf("%.2f", dollars(c.m, c.n)))
		}
		g.row(cells...)
	}
	for _, line := range costLines {
		row(line.what, line.dollars)
	}
	row("**together**", model.cost)
	row("with `Subscribers=off`", func(m model, n int) float64 {
		m.subscriberState = false
		return m.cost(n)
	})
	for _, latency := range latencies {
		if latency != usualWorld.latency {
			row("together, if CleverTap answers in "+span(latency), func(m model, n int) float64 {
				m.latency = latency
				return m.cost(n)
			})
		}
	}
	return g.markdown(1), nil
}

// fillTable simulates ten minutes of an even load, which says how full batches are, and what a month of it costs.
func fillTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	g := grid{{"webhooks a second", "a month", "FIFO: a batch has", "per million", "a month", "standard: a batch has", "per million", "a month"}}
	for _, perSecond := range []int{1, 5, 20, 80, 500, 1000} {
		month := float64(perSecond) * 30 * 24 * 3600 / million
		cells := []string{grouped(perSecond), whole(month) + " M"}
		for _, s := range all {
			m := model{s, usualWorld}
			if float64(perSecond) >= m.capacity() {
				cells = append(cells, "–", "–", "–")
				continue
			}
			even := usualLoad
			even.rate, even.burst = perSecond, 0
			c, err := newSimulation(m, even).run()
			if err != nil {
				return "", err
			}
			n := max(1, (c.delivered+c.batches/2)/c.batches)
			cells = append(cells, grouped(n), fmt.Sprintf("%.2f", m.cost(n)), whole(m.cost(n)*month))
		}
		g.row(cells...)
	}
	return g.markdown(0), nil
}
