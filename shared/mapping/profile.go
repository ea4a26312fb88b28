package mapping

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/integration"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// Entry is one key of a profile.
type Entry struct {
	Name   string // the key, unescaped
	Value  []byte // encoded JSON
	UserID bool   // user_id or anonymous_user_id: kept also when another purchase is active
	Active bool   // has_active_subscription

	key   []byte // Name, encoded and with its colon; nil: not yet
	extra bool   // of which only the file knows: falls first
}

// Profile is one state of a user, not yet encoded: states of one user in one upload are merged first. A state of which nothing is
// left makes no record.
type Profile struct {
	Identity Identity
	TS       int64 // whole seconds, what goes out
	At       int64 // milliseconds, what states are ordered by
	Purchase []byte
	Rank     subscriber.Rank
	Entries  []Entry

	active Entry // has_active_subscription as the file names it; no name: switched off
	place  int   // where it stands, or would stand, among Entries
}

func (p *Profile) reset() { *p = Profile{Entries: p.Entries[:0]} }

var (
	yes = []byte("true")
	no  = []byte("false")
)

func boolean(b bool) []byte {
	if b {
		return yes
	}
	return no
}

// SetActive makes the profile say that its user is active, or is not; nothing if the file switches that off.
func (p *Profile) SetActive(active bool) {
	if p.active.Name == "" {
		return
	}
	e := p.active
	e.Value = boolean(active)
	if i := slices.IndexFunc(p.Entries, func(e Entry) bool { return e.Active }); i >= 0 {
		p.Entries[i] = e
		return
	}
	p.Entries = slices.Insert(p.Entries, min(p.place, len(p.Entries)), e)
}

// Apply is what subscriber state leaves of a profile, nil if nothing.
func (p *Profile) Apply(a subscriber.Decision) *Profile {
	switch {
	case p == nil || a.Older:
		return nil
	case a.Others:
		p.KeepOnlyActive(a.Active)
	case a.Known:
		p.SetActive(a.Active)
	}
	if len(p.Entries) == 0 {
		return nil
	}
	return p
}

// HasActive tells whether the profile says if its user is active.
func (p *Profile) HasActive() bool {
	return slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.Active })
}

// KeepOnlyActive makes the profile say only that its user is active, or is not, and under which ids: the rest is about a purchase that
// matters less than another one.
func (p *Profile) KeepOnlyActive(active bool) {
	p.SetActive(active)
	p.Entries = slices.DeleteFunc(p.Entries, func(e Entry) bool { return !e.UserID && !e.Active })
	p.place = len(p.Entries)
}

// userProperty writes a user property, if the file lets it through.
func (w *work) userProperty(source []byte, row *row, json []byte) {
	if !w.profiled {
		return
	}
	d := &row.user
	if !d.send {
		w.tellOff(aboutUser, source, d)
		return
	}
	w.tellRenamed(aboutUser, source, d)
	w.profile.Entries = append(w.profile.Entries, Entry{
		Name: row.userName, Value: w.keep(json), UserID: row.isID, key: d.key,
	})
}

// extras writes an attribute as a user property of which only the file knows.
func (w *work) extras(source, json []byte) {
	if !w.profiled {
		return
	}
	for i := range w.plan.extras {
		x := &w.plan.extras[i]
		if !bytes.Equal(x.source, source) {
			continue
		}
		if !x.rule.send {
			w.tellOff(aboutUser, source, &x.rule)
			return
		}
		w.tellRenamed(aboutUser, source, &x.rule)
		w.profile.Entries = append(w.profile.Entries, Entry{Name: x.name, Value: w.keep(json), key: x.rule.key, extra: true})
		return
	}
}

// finishProfile adds what is derived, and hands the profile over if there is anything in it.
func (w *work) finishProfile() {
	if !w.profiled {
		w.tell(aboutProfile, nil, nil, ruleOneTime, integration.Origin{})
		return
	}
	p := &w.profile
	p.Identity, p.TS, p.At = w.identity, w.ts, w.order
	p.Purchase, p.Rank = w.purchase, w.Update.Rank
	w.derive()
	w.limitProfile()
	if len(p.Entries) == 0 {
		w.tell(aboutProfile, nil, nil, ruleNothing, integration.Origin{})
		return
	}
	w.Profile = p
}

// limitProfile lets keys of which only the file knows fall when there are too many. The others alone are never so many.
func (w *work) limitProfile() {
	p := &w.profile
	for i := len(p.Entries) - 1; i >= 0 && len(p.Entries) > clevertap.MaxProperties; i-- {
		if p.Entries[i].extra {
			w.tell(aboutUser, []byte(p.Entries[i].Name), nil, ruleKeys, integration.Origin{})
			p.Entries = slices.Delete(p.Entries, i, i+1)
			if i < p.place {
				p.place--
			}
		}
	}
}

// append writes the record of a state whose keys are given.
func (p *Profile) append(dst []byte, entries []Entry) []byte {
	dst = append(dst, `{"type":"profile",`...)
	dst = p.Identity.append(dst)
	dst = append(dst, `,"ts":`...)
	dst = strconv.AppendInt(dst, p.TS, 10)
	dst = append(dst, `,"profileData":{`...)
	for i := range entries {
		e := &entries[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		if e.key != nil {
			dst = append(dst, e.key...)
		} else {
			dst = append(appendQuoted(dst, e.Name), ':')
		}
		dst = append(dst, e.Value...)
	}
	return append(dst, "}}"...)
}
