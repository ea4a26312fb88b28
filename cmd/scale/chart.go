package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/purchasely-clevertap/bridge/shared/template"
)

// chart draws how many messages wait, and below it how old the oldest is, as an SVG with plain colours.
func (s *simulation) chart() ([]byte, error) {
	var counts, ages plotter.XYs
	for i := 0; i < len(s.samples); i += 1 + len(s.samples)/800 {
		now := s.samples[i]
		counts = append(counts, plotter.XY{X: now.at.Minutes(), Y: float64(now.waiting)})
		ages = append(ages, plotter.XY{X: now.at.Minutes(), Y: now.age.Seconds()})
	}
	waiting := panel("messages", fmt.Sprintf("QueueType=%s, %s renewals in %s, CleverTap answers in %s",
		s.QueueType, grouped(s.burst), span(s.over), span(s.latency)))
	age := panel("seconds", "")
	age.X.Label.Text = "minutes since the simulation began"
	const searchDepth = 120_000 // first messages of a FIFO queue that are searched for free groups (SQS FIFO quotas)
	lines := []any{"waiting, at most " + grouped(s.mostWaiting().waiting), counts}
	if s.QueueType == template.FIFO && s.mostWaiting().waiting > searchDepth {
		depth := plotter.XYs{{Y: searchDepth}, {X: counts[len(counts)-1].X, Y: searchDepth}}
		lines = append(lines, grouped(searchDepth)+": SQS searches no further for free groups", depth)
	}
	err := errors.Join(plotutil.AddLines(waiting, lines...),
		plotutil.AddLines(age, "age of the oldest message, at most "+span(s.greatestAge().age), ages))
	if err != nil {
		return nil, err
	}
	waiting.Y.Max, age.Y.Max = waiting.Y.Max*1.3, age.Y.Max*1.3 // room for the legends
	image := vgsvg.New(640, 440)
	canvas, column := draw.New(image), [][]*plot.Plot{{waiting}, {age}}
	canvas.SetColor(color.White)
	canvas.Fill(canvas.Path())
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadTop: 10, PadBottom: 10, PadLeft: 10, PadRight: 20, PadY: 20}
	for i, tile := range plot.Align(column, tiles, canvas) {
		column[i][0].Draw(tile[0])
	}
	var svg bytes.Buffer
	if _, err := image.WriteTo(&svg); err != nil {
		return nil, err
	}
	// The fallbacks are as wide as Liberation, which few machines have.
	fonts := []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")
	return bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans;"), fonts), nil
}

// panel is an empty chart.
func panel(unit, title string) *plot.Plot {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	plotutil.DefaultColors, plotter.DefaultLineStyle.Width = plotutil.DarkColors, 1.5
	p := plot.New()
	p.Title.Text, p.Title.Padding, p.Y.Label.Text, p.Y.Min = title, 10, unit, 0
	p.Legend.Left, p.Legend.Top, p.Legend.XOffs, p.Legend.Padding = true, true, 10, 3
	p.Y.Tick.Marker = plot.TickerFunc(func(least, most float64) []plot.Tick {
		ticks := plot.DefaultTicks{}.Ticks(least, most)
		for i := range ticks {
			if ticks[i].Label != "" {
				ticks[i].Label = whole(ticks[i].Value) + "  " // room for a wider font
			}
		}
		return ticks
	})
	return p
}
