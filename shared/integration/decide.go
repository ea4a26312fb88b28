package integration

import (
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// decide fills in the defaults and decides on every name that is known now.
func (d *draft) decide(c *webhook.Catalogue) *App {
	a := &App{
		Name:      d.name,
		Enabled:   d.text(enabledPath) == "true",
		Anonymous: chosen[Anonymous](anonymousWords, d.text(anonymousPath)),
		Sandbox:   chosen[Sandbox](sandboxWords, d.text(sandboxPath)),
		Charged:   d.text(chargedPath) == "true",
		Currency:  chosen[Currency](currencyWords, d.text(currencyPath)),

		EnabledOrigin:   d.origin(enabledPath),
		AnonymousOrigin: d.origin(anonymousPath),
		SandboxOrigin:   d.origin(sandboxPath),
		ChargedOrigin:   d.origin(chargedPath),
		CurrencyOrigin:  d.origin(currencyPath),
	}
	d.decideEvents(a, c)
	d.decideProperties(a, c)
	d.decideUserProperties(a, c)
	return a
}

// chosen gives the choice that a word stands for; the reader lets no other word pass.
func chosen[T ~uint8](words []string, word string) T {
	var choice T
	for _, w := range words {
		if w == word {
			return choice
		}
		choice++
	}
	return 0
}

// text is a setting's value.
func (d *draft) text(path string) string { return d.settings[path].text }

// origin tells where a setting stands, and its value.
func (d *draft) origin(path string) Origin {
	s := d.settings[path]
	return by(s.at, path+": "+s.text)
}

// sendOrigin and nameOrigin tell where an entry decides.
func (e *entry) sendOrigin(path string) Origin {
	if e.sendAt.known() {
		return by(e.sendAt, path+"."+join(e.source)+".send")
	}
	return by(e.at, path+"."+join(e.source))
}

func (e *entry) nameOrigin(path string) Origin {
	return by(e.nameAt, path+"."+join(e.source)+".name")
}

// entry finds the entry for a name, nil if there is none.
func (d *draft) entry(path, source string) *entry {
	list := d.entries[path]
	i := slices.IndexFunc(list, func(e entry) bool { return e.source == source })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// prefixed makes the name of what is not renamed. What is in no catalogue may hold what CleverTap forbids.
func prefixed(prefix, source string, limit int, profile bool) string {
	name, _ := clevertap.CleanName(nil, []byte(prefix+source), limit, profile)
	return string(name)
}

// prefixOrigin tells where the name of something comes from that is not renamed.
func (d *draft) prefixOrigin(path string) Origin {
	if d.text(path) == "" {
		return ours("default: what is not renamed keeps its name")
	}
	return d.origin(path)
}

// decideEvents decides on the events that the catalogue or the file knows, and on all others.
func (d *draft) decideEvents(a *App, c *webhook.Catalogue) {
	prefix := d.text(eventPrefixPath)
	a.otherEvents = EventRule{
		Send: d.text(eventDefaultPath) == "send", Name: prefix,
		Origin: d.origin(eventDefaultPath), NameOrigin: d.prefixOrigin(eventPrefixPath),
	}
	a.events = make(map[string]EventRule, len(c.Events)+len(d.entries[eventsPath]))
	for i := range c.Events {
		rule := a.otherEvents
		rule.Name += c.Events[i].Name
		a.events[c.Events[i].Name] = rule
	}
	for _, e := range d.entries[eventsPath] {
		rule := a.otherEvents
		rule.Name = prefixed(prefix, e.source, clevertap.MaxEventNameBytes, false)
		if e.renamed() {
			rule.Renamed, rule.Name, rule.NameOrigin = true, e.name, e.nameOrigin(eventsPath)
		}
		rule.Send, rule.Origin = e.send, e.sendOrigin(eventsPath)
		a.events[e.source] = rule
	}
}
