package clevertaptest

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// overview is what people see of the server: what it has of each person, and what arrived, the newest first.
type overview struct {
	People, Records []entry
	Warnings        []Warning
}

// entry is a person or a record with its properties.
type entry struct {
	Heading    []string
	Properties []property
}

type property struct{ Name, Value string }

// showPage answers browsers with HTML and everybody else with text.
func (s *Server) showPage(w http.ResponseWriter, r *http.Request) {
	p := s.overview()
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = pageTemplate.Execute(w, p) // whoever asked may be gone
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	p.writeText(w)
}

func (s *Server) overview() overview {
	p := overview{Warnings: s.Warnings()}
	for _, person := range s.Profiles() {
		e := entry{Heading: []string{person.Account, person.Key, person.ID}}
		for _, name := range slices.Sorted(maps.Keys(person.Data)) {
			value, _ := parse(person.Data[name]) // it was accepted
			e.Properties = append(e.Properties, property{name, readable(&value)})
		}
		p.People = append(p.People, e)
	}
	for _, r := range slices.Backward(s.Records("")) {
		what := r.Type
		if r.Name != "" {
			what += " " + r.Name
		}
		number := "#" + strconv.Itoa(r.Number)
		heading := []string{number, r.Time.Format(time.TimeOnly), r.Account, what, r.Key, r.ID}
		p.Records = append(p.Records, entry{heading, properties(r.Raw)})
	}
	return p
}

// properties are those of a record, in its order.
func properties(record jsontext.Value) (list []property) {
	root, _ := parse(record) // it was accepted
	for _, m := range root.members {
		if m.key == "evtData" || m.key == "profileData" {
			for i := range m.members {
				list = append(list, property{m.members[i].key, readable(&m.members[i])})
			}
		}
	}
	return list
}

// readable is a value as people read it: texts without quotes, and CleverTap's dates as dates.
func readable(v *value) string {
	if v.kind != '"' {
		return string(v.raw)
	}
	if date.MatchString(v.text) {
		seconds, _ := strconv.ParseInt(v.text[len("$D_"):], 10, 64)
		return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return v.text
}

func (p overview) writeText(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		title   string
		entries []entry
	}{{"People", p.People}, {"Records, the newest first", p.Records}} {
		_, _ = fmt.Fprintf(w, "%s (%d)\n\n", part.title, len(part.entries))
		for _, e := range part.entries {
			_, _ = fmt.Fprintln(w, strings.Join(e.Heading, " "))
			for _, property := range e.Properties {
				_, _ = fmt.Fprintf(w, "    %s\t%s\n", property.Name, property.Value)
			}
			_, _ = fmt.Fprintln(w)
		}
	}
	_ = w.Flush() // whoever asked may be gone
}
