package main

import (
	"strings"
	"time"
)

// table is a table of docs/design/scale.md. It is made of the template's settings, so that the page changes when they do.
type table struct {
	name string
	make func(template string) (string, error)
}

var tables = []table{
	{"settings", settingsTable},
	{"capacity", capacityTable},
	{"account", accountTable},
	{"split", splitTable},
	{"polling", pollingTable},
	{"memory", memoryTable},
	{"bursts", burstTable},
	{"costs", costTable},
	{"fill", fillTable},
	{"quotas", quotaTable},
}

// queues are both kinds, and latencies those of the tables.
var (
	queues    = []string{fifo, standard}
	latencies = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second}
)

// grid is a table in the making, its first row the headings.
type grid [][]string

func (g *grid) row(cells ...string) { *g = append(*g, cells) }

// markdown writes a grid, the first columns aligned to the left and the others to the right.
func (g grid) markdown(leftColumns int) string {
	var b strings.Builder
	for i, cells := range g {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", leftColumns) + strings.Repeat("---:|", len(cells)-leftColumns) + "\n")
		}
	}
	return b.String()
}

// both reads the settings of both queues.
func both(template string) (list []settings, err error) {
	for _, queue := range queues {
		s, err := readSettings(template, queue)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}
