package main

import (
	"bytes"
	"context"
	"fmt"
)

// strays returns what CleverTap has got and no fixture wants, and what the stand-in objects to.
func (w *walk) strays(ctx context.Context) ([]string, error) {
	if w.stack.clevertap == nil {
		return nil, nil
	}
	records, err := w.stack.clevertap.records(ctx)
	if err != nil {
		return nil, err
	}
	claimed := map[int]bool{}
	for _, r := range w.results {
		for _, record := range r.records {
			claimed[record.Number] = true
		}
	}
	var strays []string
	for _, r := range records {
		if !claimed[r.Number] {
			strays = append(strays, "CleverTap got a record that no fixture wants: "+r.Raw)
		}
	}
	objections, err := w.stack.clevertap.objections(ctx)
	if err != nil {
		return nil, err
	}
	nameless := w.nameless()
	for _, o := range objections {
		if o.Rule == "no_event_id" && nameless > 0 {
			nameless--
			continue
		}
		strays = append(strays, fmt.Sprintf("CleverTap would presumably spoil a record: %s %s", o.Rule, o.Key))
	}
	return strays, nil
}

// nameless counts the events that are wanted without an event_id, because their webhooks are of a version that has none. The stand-in
// objects to each.
func (w *walk) nameless() int {
	count := 0
	for _, f := range w.fixtures {
		for _, record := range f.want.Records {
			if bytes.HasPrefix(record, []byte(`{"type":"event"`)) && !bytes.Contains(record, []byte(`"event_id":`)) {
				count++
			}
		}
	}
	return count
}
