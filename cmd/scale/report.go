package main

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// reportMoments is how many moments a report has.
const reportMoments = 240

// report is a simulation for programs; times are seconds.
type report struct {
	Queue         string        `json:"queue"`
	Forwarders    int           `json:"forwarders"`
	Batch         int           `json:"batch"`
	Uploads       int           `json:"uploads"`
	MemoryMB      int           `json:"memory_mb"`
	Subscribers   bool          `json:"subscriber_state"`
	Latency       float64       `json:"latency"`
	Rate          int           `json:"rate"`
	Burst         int           `json:"burst"`
	Over          float64       `json:"over"`
	Capacity      float64       `json:"capacity"`
	PeakWaiting   int           `json:"peak_waiting"`
	PeakWaitingAt float64       `json:"peak_waiting_at"`
	PeakAge       float64       `json:"peak_age"`
	PeakAgeAt     float64       `json:"peak_age_at"`
	CaughtUpAfter float64       `json:"caught_up_after"`
	Delivered     int           `json:"delivered"`
	Batches       int           `json:"batches"`
	Course        []reportPoint `json:"course"`
}

type reportPoint struct {
	At        float64 `json:"at"`
	Waiting   int     `json:"waiting"`
	InFlight  int     `json:"in_flight"`
	Delivered int     `json:"delivered"`
	PerSecond float64 `json:"per_second"`
	Age       float64 `json:"age"`
}

func writeJSON(out io.Writer, m model, l load, c course) error {
	r := report{
		Queue: m.queue, Forwarders: m.concurrency, Batch: m.batch, Uploads: m.uploads, MemoryMB: m.memory, Subscribers: m.subscriberState,
		Latency: m.latency.Seconds(), Rate: l.rate, Burst: l.burst, Over: l.over.Seconds(), Capacity: m.capacity(),
		PeakWaiting: c.peak.Waiting, PeakWaitingAt: c.peak.At.Seconds(), PeakAge: c.oldest.Age.Seconds(), PeakAgeAt: c.oldest.At.Seconds(),
		CaughtUpAfter: c.caughtUp.Seconds(), Delivered: c.delivered, Batches: c.batches,
	}
	moments := c.thinned(reportMoments)
	for i, now := range moments {
		r.Course = append(r.Course, reportPoint{
			At: now.At.Seconds(), Waiting: now.Waiting, InFlight: now.InFlight, Delivered: now.Delivered,
			PerSecond: rate(moments[max(i-1, 0)], now), Age: now.Age.Seconds(),
		})
	}
	if err := json.MarshalWrite(out, r, jsontext.WithIndent("  ")); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := io.WriteString(out, "\n")
	return err
}
