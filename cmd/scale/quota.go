package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// quota is a limit that is met sooner or later.
type quota struct {
	name, size string
	at         func(perSecond float64) float64 // how much of it a stack uses, 1 being all
}

// AWS's default quotas of an account and Region (their pages, November 2026). All but the requests of an environment can be raised.
const (
	apiRequests       = 10_000 // a second, all HTTP APIs together
	lambdaConcurrency = 1_000  // all functions together
	environmentRate   = 10     // requests a second of one environment that waits for answers
	environmentsAdded = 1_000  // of one function, in
	environmentsIn    = 10 * time.Second
	fifoCalls         = 70_000 // a second of each kind, high throughput, in Virginia, Oregon and Ireland; 19,000 in Ohio and Frankfurt
	tableWrites       = 4_000  // a second, of a table that is new; it grows with its use
	tableWritesMost   = 40_000 // a second, of any table
	secretReads       = 10_000 // a second
	secretsKept       = 5 * time.Minute
	logCalls          = 5_000 // a second
)

// receivers is how many environments of the receiver are at work, or have to be there because each takes only so many requests.
func receivers(perSecond float64) float64 {
	return math.Ceil(max(perSecond*receiverTime.Seconds(), perSecond/environmentRate))
}

// quotas are AWS's, and what one CleverTap account allows with each queue, in the order of the webhook's path.
func quotas(all []settings) []quota {
	forwarders := float64(max(all[0].concurrency+all[0].idle, all[1].concurrency+all[1].idle))
	list := []quota{
		{"API Gateway", grouped(apiRequests) + " requests/s", func(r float64) float64 { return r / apiRequests }},
		{"Lambda: functions at once", grouped(lambdaConcurrency), func(r float64) float64 { return (receivers(r) + forwarders) / lambdaConcurrency }},
		{"Lambda: a start from nothing within " + span(environmentsIn), grouped(environmentsAdded) + " environments", func(r float64) float64 {
			return receivers(r) / environmentsAdded
		}},
		{"Secrets Manager", grouped(secretReads) + " reads/s", func(r float64) float64 { return receivers(r) / secretsKept.Seconds() / secretReads }},
		{"CloudWatch Logs", grouped(logCalls) + " calls/s", func(r float64) float64 { return min(r, receivers(r)) / logCalls }},
		{"SQS FIFO, high throughput", grouped(fifoCalls) + " sends/s", func(r float64) float64 { return r / fifoCalls }},
		{"DynamoDB, a new table", grouped(tableWrites) + " writes/s", func(r float64) float64 { return r / tableWrites }},
		{"DynamoDB, any table", grouped(tableWritesMost) + " writes/s", func(r float64) float64 { return r / tableWritesMost }},
	}
	for _, s := range all {
		m := model{s, usualWorld}
		list = append(list,
			quota{fmt.Sprintf("**one CleverTap account**, %s", s.queue), whole(accountCap(m)) + "/s", func(r float64) float64 { return r / accountCap(m) }},
			quota{fmt.Sprintf("the template's forwarders, %s", s.queue), whole(m.capacity()) + "/s", func(r float64) float64 { return r / m.capacity() }})
	}
	return list
}

// limit is the rate at which all of a quota is used. What is used never falls when the rate rises.
func (q quota) limit() float64 {
	most := 1.0
	for q.at(most) <= 1 {
		most *= 2
	}
	least := 0.0
	for most-least > 0.5 {
		if middle := (least + most) / 2; q.at(middle) <= 1 {
			least = middle
		} else {
			most = middle
		}
	}
	return least
}

// quotaTable shows how much of each quota is used at four rates, the one that is met first in front; what is over is bold.
func quotaTable(template string) (string, error) {
	all, err := both(template)
	if err != nil {
		return "", err
	}
	list := quotas(all)
	slices.SortStableFunc(list, func(a, b quota) int { return cmp.Compare(a.limit(), b.limit()) })
	rates := []float64{100, 1_000, 10_000, 100_000}
	g := grid{{"", "quota", "met at webhooks/s"}}
	for _, r := range rates {
		g[0] = append(g[0], "at "+whole(r)+"/s")
	}
	for _, q := range list {
		cells := []string{q.name, q.size, whole(q.limit())}
		for _, r := range rates {
			cells = append(cells, share(q.at(r)))
		}
		g.row(cells...)
	}
	return g.markdown(1), nil
}

// share writes how much of a quota is used.
func share(used float64) string {
	text := fmt.Sprintf("%s %%", whole(used*100))
	switch {
	case used > 1:
		return "**" + text + "**"
	case used < 0.01:
		return "< 1 %"
	}
	return text
}
