package console

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/yamledit"
	"github.com/purchasely-clevertap/bridge/shared/integration"
)

// fileChange is a file that is being changed, one key after the other.
type fileChange struct {
	text []byte
	err  error // the first key that could not be changed
}

func (d *fileChange) set(value string, path ...string) {
	if d.err == nil {
		if text, err := yamledit.Set(d.text, value, path...); err != nil {
			d.err = err
		} else {
			d.text = text
		}
	}
}

// remove removes a key, and reports whether it did: not where a comment stands beside it.
func (d *fileChange) remove(path ...string) bool {
	if d.err != nil {
		return false
	}
	text, err := yamledit.Delete(d.text, path...)
	switch {
	case errors.Is(err, yamledit.ErrComment):
		return false
	case err != nil:
		d.err = err
		return false
	}
	d.text = text
	return true
}

// write writes into a file what somebody has made of a list of an app.
func (l *list) write(text []byte, app *integration.App, p posted) ([]byte, error) {
	d := fileChange{text: text}
	if len(l.defaults) > 0 && p.byDefault != l.value(app, "default") {
		d.set(yamledit.Scalar(p.byDefault), keys(app.Name, l.section()+".default")...)
	}
	if path := keys(app.Name, l.section()+".prefix"); l.prefix && p.prefix != l.value(app, "prefix") {
		if p.prefix != "" || !d.remove(path...) {
			d.set(yamledit.Scalar(p.prefix), path...)
		}
	}
	plain := l.app(p.byDefault, p.prefix)
	for _, group := range l.entries(app, p.sources...) {
		for _, e := range group.Entries {
			name, ok := p.names[e.Source]
			if !ok {
				continue
			}
			send := e.Send
			if e.Locked == "" {
				send = p.on[e.Source]
			}
			l.writeEntry(&d, app.Name, e, send, name, l.rule(plain, e.Source))
		}
	}
	if p.added != "" {
		l.addEntry(&d, app.Name, p.added, p.addedName)
	}
	return d.text, d.err
}

// writeEntry writes one name's decision. plain is what holds without an entry.
func (l *list) writeEntry(d *fileChange, app string, e entry, send bool, name string, plain rule) {
	path := keys(app, l.path, e.Source)
	has := yamledit.Has(d.text, path...)
	if name == plain.name && e.Name == "" {
		name = "" // it is called so anyway
	}
	switch {
	case !has && send == plain.send && name == "":
		return
	case !has:
		d.set(l.newEntry(e.Source, send, name, send != plain.send), path...)
		return
	case send == e.Send && name == e.Name:
		return
	}
	if send == plain.send && name == "" && !yamledit.Has(d.text, append(path, "known")...) && d.remove(path...) {
		return
	}
	if send != e.Send {
		d.set(strconv.FormatBool(send), append(path, "send")...)
	}
	if name == e.Name {
		return
	}
	if name != "" || !d.remove(append(path, "name")...) {
		if name == "" {
			name = plain.name
		}
		d.set(yamledit.Scalar(name), append(path, "name")...)
	}
}

// newEntry is what is written for a name that the file does not have yet.
func (l *list) newEntry(source string, send bool, name string, saySend bool) string {
	var keys []string
	if saySend {
		keys = append(keys, "send: "+strconv.FormatBool(send))
	}
	if name != "" {
		keys = append(keys, "name: "+yamledit.Scalar(name))
	}
	if !l.known(source) {
		keys = append(keys, "known: false") // lint takes it for a typo otherwise
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// addEntry adds a name that is not on the page.
func (l *list) addEntry(d *fileChange, app, source, name string) {
	path := keys(app, l.path, source)
	if yamledit.Has(d.text, path...) {
		d.err = fmt.Errorf("%s is in the file already", source)
		return
	}
	d.set(l.newEntry(source, true, name, true), path...)
}

// check compares a changed file with what was meant: an anchor or a merge can stand in the way.
func (l *list) check(file *integration.File, app string, p posted) error {
	got := file.Apps[app]
	if got == nil {
		return fmt.Errorf("the app %s is not in the file any more", app)
	}
	for source, name := range p.names {
		r := l.rule(got, source)
		wrong := locked()[l.path+"."+source] == "" && r.send != p.on[source]
		if wrong || name != "" && r.name != name {
			return fmt.Errorf("%s is written with an anchor or the like, and left alone: change it in the file itself", source)
		}
	}
	return nil
}
