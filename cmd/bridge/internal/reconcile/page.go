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

// bar is a row of the page's picture: two figures that should be the same.
type bar struct {
	Name        string
	Left, Right int
	Y           int
	LeftWidth   int // of 400
	RightWidth  int
	Differs     bool
}

const (
	barHeight = 44
	barWidth  = 400
)

// bars are rows whose longest one fills the picture.
func bars(rows []bar) []bar {
	most := 1
	for _, b := range rows {
		most = max(most, b.Left, b.Right)
	}
	for i := range rows {
		b := &rows[i]
		b.Y = i * barHeight
		b.LeftWidth, b.RightWidth = b.Left*barWidth/most, b.Right*barWidth/most
	}
	return rows
}

// picture is a picture of pairs of bars.
type picture struct {
	Title, Left, Right string
	Bars               []bar
}

func (p picture) Height() int { return len(p.Bars)*barHeight + 4 }

// page is the report as a page that can be sent to somebody: nothing of it is elsewhere.
func (r *Report) page() ([]byte, error) {
	var pictures []picture
	if len(r.Events) > 0 {
		p := picture{Title: "What CleverTap accepted, and what it has", Left: "accepted", Right: "CleverTap has"}
		for _, e := range r.Events {
			p.Bars = append(p.Bars, bar{Name: e.Name, Left: e.Accepted, Right: e.Has, Differs: e.Has != e.Accepted})
		}
		p.Bars = bars(p.Bars)
		pictures = append(pictures, p)
	}
	if r.Hosted != nil && len(r.Hosted.Events) > 0 {
		p := picture{Title: "The bridge, and the hosted integration", Left: "bridge", Right: "hosted"}
		for _, e := range r.Hosted.Events {
			p.Bars = append(p.Bars, bar{Name: e.Event, Left: e.Bridge, Right: e.Hosted, Differs: e.differs()})
		}
		p.Bars = bars(p.Bars)
		pictures = append(pictures, p)
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
