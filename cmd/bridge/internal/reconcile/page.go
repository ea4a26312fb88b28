package reconcile

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("report").Parse(pageText))

// picture is pairs of bars: two figures each that should be the same.
type picture struct {
	Title, Left, Right string
	Bars               []bar
}

type bar struct {
	Name        string
	Left, Right int
	Differs     bool

	Y, LeftWidth, RightWidth int
}

const (
	barHeight = 44
	barWidth  = 400 // of the longest one
)

func (p picture) Height() int { return len(p.Bars)*barHeight + 4 }

// draw places the bars.
func (p picture) draw() {
	most := 1
	for _, b := range p.Bars {
		most = max(most, b.Left, b.Right)
	}
	for i := range p.Bars {
		b := &p.Bars[i]
		b.Y, b.LeftWidth, b.RightWidth = i*barHeight, b.Left*barWidth/most, b.Right*barWidth/most
	}
}

// page is the report as a page that can be sent to somebody: nothing of it is elsewhere.
func (r *Report) page() ([]byte, error) {
	accepted := picture{Title: "What CleverTap accepted, and what it has", Left: "accepted", Right: "CleverTap has"}
	for _, e := range r.Events {
		accepted.Bars = append(accepted.Bars, bar{Name: e.Name, Left: e.Accepted, Right: e.Has, Differs: e.Has != e.Accepted})
	}
	hosted := picture{Title: "The bridge, and the hosted integration", Left: "bridge", Right: "hosted"}
	if r.Hosted != nil {
		for _, e := range r.Hosted.Events {
			hosted.Bars = append(hosted.Bars, bar{Name: e.Event, Left: e.Bridge, Right: e.Hosted, Differs: e.differs()})
		}
	}
	var pictures []picture
	for _, p := range []picture{accepted, hosted} {
		if len(p.Bars) > 0 {
			p.draw()
			pictures = append(pictures, p)
		}
	}
	var page bytes.Buffer
	err := pageTemplate.Execute(&page, struct {
		*Report
		Period, Figures string
		Pictures        []picture
	}{r, r.period(), r.Books.text(), pictures})
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return page.Bytes(), nil
}
