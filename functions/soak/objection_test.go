//go:build soak

package soak_test

import (
	"strings"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// objections checks that the stand-in found nothing to object to but what this run provokes.
func (v *verdict) objections() {
	again := map[[2]int]bool{}
	for _, records := range v.stored {
		for _, record := range records[1:] {
			again[[2]int{record.Request, record.Position}] = true
		}
	}
	nameless := map[[2]int]bool{}
	for digest, records := range v.stored {
		for _, record := range records {
			nameless[[2]int{record.Request, record.Position}] = v.makers[digest] != nil && v.makers[digest].nameless
		}
	}
	for _, o := range v.cleverTap.Objections() {
		at := [2]int{o.Request, o.Position}
		switch {
		case (o.Rule == clevertaptest.Repeated || o.Rule == clevertaptest.ChargedID) && again[at]:
		case o.Rule == clevertaptest.NoEventID && nameless[at]:
		default:
			v.Errorf("the stand-in objects to %s of %q", o.Rule, o.Key)
		}
	}
}

// secrecy checks that no process printed anything secret or personal.
func (v *verdict) secrecy() {
	var all []string
	for _, w := range v.fleet.forwarders {
		for _, l := range w.lives {
			all = append(all, l.Output().Stdout.String(), l.Output().Stderr.String())
		}
	}
	for _, r := range v.receivers {
		for _, l := range r.lives {
			all = append(all, l.Output().Stdout.String(), l.Output().Stderr.String())
		}
	}
	for _, text := range all {
		v.printed += len(text)
		for _, word := range []string{personal, "lantern-", "quartz-", "event_name", "profileData"} {
			if strings.Contains(text, word) {
				v.Errorf("a process printed %q", word)
			}
		}
	}
}
