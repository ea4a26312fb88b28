package clevertaptest

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
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
		for name, value := range person.Data {
			e.Properties = append(e.Properties, property{name, readable(value)})
		}
		slices.SortFunc(e.Properties, func(a, b property) int { return strings.Compare(a.Name, b.Name) })
		p.People = append(p.People, e)
	}
	for _, r := range slices.Backward(s.Records("")) {
		what := r.Type
		if r.Name != "" {
			what += " " + r.Name
		}
		number := "#" + strconv.Itoa(r.Number)
		e := entry{Heading: []string{number, r.Time.Format(time.TimeOnly), r.Account, what, r.Key, r.ID}}
		e.Properties = properties(r.Raw)
		p.Records = append(p.Records, e)
	}
	return p
}

// properties are those of a record, in its order.
func properties(record jsontext.Value) (list []property) {
	for name, value := range members(record) {
		if name != "evtData" && name != "profileData" {
			continue
		}
		for name, value := range members(value) {
			list = append(list, property{name, readable(value)})
		}
	}
	return list
}

// members yields the members of an object, which is well formed because its record was accepted.
func members(object jsontext.Value) func(yield func(string, jsontext.Value) bool) {
	return func(yield func(string, jsontext.Value) bool) {
		d := jsontext.NewDecoder(strings.NewReader(string(object)), jsontext.AllowDuplicateNames(true))
		if _, err := d.ReadToken(); err != nil {
			return
		}
		for d.PeekKind() == '"' {
			name, _ := d.ReadToken()
			text := name.String()
			if value, err := d.ReadValue(); err != nil || !yield(text, value.Clone()) {
				return
			}
		}
	}
}

// readable is a value as people read it: texts without quotes, and CleverTap's dates as dates.
func readable(value jsontext.Value) string {
	text := string(value)
	if value.Kind() == '"' {
		unquoted, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return text
		}
		text = string(unquoted)
	}
	if seconds, ok := strings.CutPrefix(text, "$D_"); ok {
		if n, err := strconv.ParseInt(seconds, 10, 64); err == nil {
			return time.Unix(n, 0).UTC().Format("2006-01-02 15:04:05 UTC")
		}
	}
	return text
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
