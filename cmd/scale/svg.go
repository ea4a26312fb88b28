package main

import (
	"fmt"
	"strings"
	"time"
)

// The picture's size and that of the field in which the curves are, in its own units.
const (
	svgWidth, svgHeight = 860, 446
	left, right         = 82, 770
	top, bottom         = 110, 388
	svgMoments          = 240
)

// svgStyle has colours for light and for dark surroundings.
const svgStyle = `<style>
svg { --ground: #ffffff; --ink: #1f2328; --faint: #d1d9e0; --band: #f3f5f7; --waiting: #0969da; --age: #bc4c00; }
@media (prefers-color-scheme: dark) {
svg { --ground: #0d1117; --ink: #e6edf3; --faint: #3d444d; --band: #171d25; --waiting: #58a6ff; --age: #f0883e; }
}
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 15px; font-weight: 600; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.ground { fill: var(--ground); }
.band { fill: var(--band); }
.grid { stroke: var(--faint); stroke-width: 1; }
.depth { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 4 4; }
.waiting { stroke: var(--waiting); stroke-width: 2.5; fill: none; }
.age { stroke: var(--age); stroke-width: 2.5; stroke-dasharray: 7 4; fill: none; }
</style>`

// drawing is an SVG in the making.
type drawing struct {
	strings.Builder
	model
	load   load
	course course
	counts []int           // on the left axis
	ages   []time.Duration // on the right axis
	times  []time.Duration // on the lower axis
}

// svg draws how many messages wait and how old the oldest is over the time of a simulation. Whoever cannot see colours has dashes.
func svg(m model, l load, c course) string {
	d := &drawing{model: m, load: l, course: c, counts: ticks(c.peak.Waiting), ages: timeTicks(c.oldest.Age), times: timeTicks(c.end())}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`, svgWidth, svgHeight, d.label())
	d.printf("%s", svgStyle)
	d.printf(`<rect class="ground" width="%d" height="%d"/>`, svgWidth, svgHeight)
	d.text(left, 24, "title", d.title())
	d.text(left, 44, "", d.settings.String())
	d.text(left, 61, "", describe(m, l))
	d.legend()
	d.axes()
	d.curve("waiting", func(now moment) int { return level(now.Waiting, d.counts) })
	d.curve("age", func(now moment) int { return level(now.Age, d.ages) })
	d.printf("</svg>")
	return d.String()
}

func (d *drawing) title() string {
	if d.load.burst == 0 {
		return d.name() + " queue"
	}
	return fmt.Sprintf("%s queue: %s renewals in %s", d.name(), grouped(d.load.burst), span(d.load.over))
}

// label tells in words what there is to see.
func (d *drawing) label() string {
	return fmt.Sprintf("%s queue: at most %s messages wait, the oldest is %s old, and %s after the burst all are delivered.",
		d.name(), grouped(d.course.peak.Waiting), span(d.course.oldest.Age), span(d.course.caughtUp))
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drawing) text(x, y int, class, text string) {
	d.printf(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, text)
}

func (d *drawing) line(x1, y1, x2, y2 int, class string) {
	d.printf(`<line x1="%d" y1="%d" x2="%d" y2="%d" class="%s"/>`, x1, y1, x2, y2, class)
}

func (d *drawing) legend() {
	d.line(left, 82, left+34, 82, "waiting")
	d.text(left+42, 86, "", fmt.Sprintf("messages waiting, at most %s", grouped(d.course.peak.Waiting)))
	d.line(left+300, 82, left+334, 82, "age")
	d.text(left+342, 86, "", fmt.Sprintf("age of the oldest message, at most %s", span(d.course.oldest.Age)))
}

// axes draws the three axes, the time of the burst, and how deep a FIFO queue is searched.
func (d *drawing) axes() {
	begin, end := d.x(d.load.quiet), d.x(d.load.quiet+d.load.over)
	if d.load.burst > 0 {
		d.printf(`<rect class="band" x="%d" y="%d" width="%d" height="%d"/>`, begin, top, end-begin, bottom-top)
		d.text(begin+4, top+14, "", "burst")
	}
	for _, count := range d.counts {
		y := level(count, d.counts)
		d.line(left, y, right, y, "grid")
		d.text(left-8, y+4, "end", grouped(count))
	}
	for _, age := range d.ages {
		d.text(right+8, level(age, d.ages)+4, "", span(age))
	}
	for _, at := range d.times {
		d.line(d.x(at), bottom, d.x(at), bottom+5, "grid")
		d.text(d.x(at), bottom+20, "middle", span(at))
	}
	d.text(left-8, top-8, "end", "messages")
	d.text(right+8, top-8, "", "age")
	d.text((left+right)/2, bottom+42, "middle", "time since the simulation began")
	if d.queue == fifo && d.course.peak.Waiting > scanDepth {
		y := level(scanDepth, d.counts)
		d.line(left, y, right, y, "depth")
		d.text((left+right)/2, y+15, "middle", grouped(scanDepth)+": as deep as SQS searches for free groups")
	}
}

// curve draws a line through the moments.
func (d *drawing) curve(class string, y func(moment) int) {
	var points []string
	for _, now := range d.course.thinned(svgMoments) {
		points = append(points, fmt.Sprintf("%d,%d", d.x(now.At), y(now)))
	}
	d.printf(`<polyline class="%s" points="%s"/>`, class, strings.Join(points, " "))
}

// x is where a time is in the picture.
func (d *drawing) x(at time.Duration) int {
	return left + int(at*(right-left)/d.times[len(d.times)-1])
}

// level is where a value is on an axis with these ticks.
func level[N int | time.Duration](value N, ticks []N) int {
	return bottom - int(value*(bottom-top)/ticks[len(ticks)-1])
}
