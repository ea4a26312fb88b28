package console

import (
	"context"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/status"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// picture is what became of an app's webhooks hour by hour, as columns of a chart.
type picture struct {
	Width, Height int
	Columns       []column
	Most          int
}

// column is an hour.
type column struct {
	status.Hour
	X, Width                              int
	Delivered, Skipped, Rejected, Waiting bar
}

// bar is a part of a column.
type bar struct{ Y, Height, Count int }

func newPicture(hours []status.Hour) picture {
	const width, height, gap = 480, 96, 2
	p := picture{Width: width, Height: height}
	for _, h := range hours {
		p.Most = max(p.Most, h.Queued, h.Delivered+h.Skipped+h.Rejected)
	}
	for i, h := range hours {
		w := width / max(1, len(hours))
		c := column{Hour: h, X: i * w, Width: w - gap}
		y := height
		draw := func(n int) bar {
			tall := 0
			if n > 0 {
				tall = max(2, n*(height-4)/max(1, p.Most)) // one webhook can be seen beside thousands
			}
			y -= tall
			return bar{y, tall, n}
		}
		c.Delivered, c.Skipped, c.Rejected = draw(h.Delivered), draw(h.Skipped), draw(h.Rejected)
		c.Waiting = draw(max(0, h.Queued-h.Delivered-h.Skipped-h.Rejected))
		p.Columns = append(p.Columns, c)
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
