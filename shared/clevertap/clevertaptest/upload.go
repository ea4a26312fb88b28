package clevertaptest

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// upload examines an upload, stores what is good of it and answers.
func (e *exchange) upload(body []byte) *reply {
	root, ok := parse(body)
	list := root.find("d")
	if !ok || list == nil || len(root.members) != 1 || list.kind != '[' {
		return malformed()
	}
	e.kept.Records = len(list.members)
	if e.kept.Records < 1 || e.kept.Records > maxRecords {
		return malformed()
	}
	front := e.frontFault(len(body))
	if front != nil && !front.Stored {
		return e.pause(front.reply())
	}
	poisons := func(f *activeFault) bool {
		return list.has(func(v *value) bool { return bytes.Contains(v.raw, []byte(f.Marker)) })
	}
	if f := e.use(poisons, Poison); f != nil {
		return e.pause(f.reply())
	}
	records := make([]*record, len(list.members))
	for i := range list.members {
		records[i] = e.account.examine(&list.members[i], i+1)
	}
	e.refuse(records)
	if e.kept.Query != "dryRun=1" {
		e.store(records)
	}
	if front != nil {
		return e.pause(front.reply())
	}
	return e.spoil(jsonReply(http.StatusOK, e.answer(records)))
}

// refuse adds the refusals of faults to those of the rules.
func (e *exchange) refuse(records []*record) {
	for _, f := range e.faults {
		if !e.concerns(f, Transient) {
			continue
		}
		chosen := false
		for _, r := range records {
			if r.answered == 0 && f.chooses(r.raw, e.seed) {
				chosen, r.answered = true, f.Code
				if !f.Stored {
					r.code = f.Code
				}
			}
		}
		if chosen {
			e.count(f)
		}
	}
}

// store keeps a request's good records, all at once.
func (e *exchange) store(records []*record) {
	profiles := map[[2]string]bool{}
	for _, r := range records {
		if r.code != 0 || e.drops(r) {
			continue
		}
		e.warnOf(r)
		if user := [2]string{r.key, r.id}; r.typ == "profile" {
			if profiles[user] {
				e.warn(r.position, ProfileTwice, "")
			}
			profiles[user] = true
		}
		e.account.addEvent(r, e.merge(r))
		e.records = append(e.records, Record{
			Number: len(e.records) + 1, Account: e.account.ID, Request: e.kept.Number, Position: r.position,
			Time: e.kept.Time, Type: r.typ, Key: r.key, ID: r.id, Name: r.name, EventID: r.eventID, Raw: bytes.Clone(r.raw),
		})
	}
}

// merge finds or creates a record's user, and sets what a profile record says.
func (e *exchange) merge(r *record) *Profile {
	a := e.account
	i := slices.IndexFunc(a.profiles, func(p *Profile) bool { return p.Key == r.key && p.ID == r.id })
	if i < 0 {
		i = len(a.profiles)
		a.profiles = append(a.profiles, &Profile{a.ID, r.key, r.id, map[string]jsontext.Value{}})
	}
	if r.typ == "profile" {
		for _, m := range r.data.members {
			a.profiles[i].Data[m.key] = slices.Clone(m.raw)
		}
	}
	return a.profiles[i]
}

// delete forgets users: one id, or an array of ids, under the key identity or guid. One that nobody knows is
// forgotten, too.
func (e *exchange) delete(body []byte) *reply {
	keys := map[string]string{"identity": "identity", "guid": "objectId"}
	root, ok := parse(body)
	if !ok || len(root.members) != 1 || keys[root.members[0].key] == "" {
		return malformed()
	}
	key, ids := keys[root.members[0].key], root.members
	if ids[0].kind == '[' {
		ids = ids[0].members
	}
	e.kept.Records = len(ids)
	invalid := func(id value) bool { return id.kind != '"' || id.text == "" }
	if len(ids) == 0 || len(ids) > maxDeleted || slices.ContainsFunc(ids, invalid) {
		return malformed()
	}
	front := e.frontFault(len(body))
	if front == nil || front.Stored {
		for _, id := range ids {
			e.deletions = append(e.deletions, Deletion{e.account.ID, key, id.text})
			gone := func(p *Profile) bool { return p.Key == key && p.ID == id.text }
			e.account.profiles = slices.DeleteFunc(e.account.profiles, gone)
			e.account.events = slices.DeleteFunc(e.account.events, func(s storedEvent) bool { return gone(s.profile) })
		}
	}
	switch {
	case front != nil:
		return e.pause(front.reply())
	case e.use(nil, BareFail) != nil:
		return e.spoil(jsonReply(http.StatusOK, bareFail))
	}
	return e.spoil(jsonReply(http.StatusOK, `{"status":"success"}`))
}
