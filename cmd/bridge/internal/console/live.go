package console

import (
	"context"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/status"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// picture is what became of an app's webhooks hour by hour, as columns of a chart.
type picture struct {
	Width, Height int
	Hours         []status.Hour
	Bars          []bar
	Most          int
}

// bar is a part of an hour's column.
type bar struct {
	Outcome             string
	X, Y, Width, Height int
}

func newPicture(hours []status.Hour) picture {
	const width, height, gap = 480, 96, 2
	p := picture{Width: width, Height: height, Hours: hours}
	for _, h := range hours {
		p.Most = max(p.Most, h.Queued, h.Delivered+h.Skipped+h.Rejected)
	}
	for i, h := range hours {
		w, y := width/len(hours), height
		draw := func(outcome string, n int) {
			if n > 0 {
				tall := max(2, n*(height-4)/p.Most) // one webhook can be seen beside thousands
				y -= tall
				p.Bars = append(p.Bars, bar{outcome, i * w, y, w - gap, tall})
			}
		}
		draw("delivered", h.Delivered)
		draw("skipped", h.Skipped)
		draw("rejected", h.Rejected)
		draw("waiting", h.Queued-h.Delivered-h.Skipped-h.Rejected)
	}
	return p
}

// liveOverview is what happens on a stack.
type liveOverview struct {
	status.Status
	Pictures map[string]picture
}

func (c *console) live(ctx context.Context, file *integration.File) *liveOverview {
	if c.deployed == nil {
		return nil
	}
	o := &liveOverview{Status: status.Read(ctx, c.deployed.stack, file), Pictures: map[string]picture{}}
	for _, app := range o.Apps {
		if app.Activity != nil {
			o.Pictures[app.Name] = newPicture(app.Activity.Hours)
		}
	}
	return o
}
