package clevertap

import "github.com/go-json-experiment/json/jsontext"

// face is what tells records apart: read from a record itself, and from CleverTap's echo of it.
type face struct {
	kind, identity, event, time, id scalar // type, identity or objectId, evtName, ts, evtData.event_id
}

// readFace reads a face and leaves out what it does not need. What is no object has an empty face.
func readFace(d *jsontext.Decoder) (face, error) {
	var f face
	if d.PeekKind() != '{' {
		return f, d.SkipValue()
	}
	err := eachMember(d, func(name []byte) (err error) {
		switch string(name) {
		case "type":
			f.kind, err = readText(d)
		case "identity", "objectId":
			f.identity, err = readText(d)
		case "evtName":
			f.event, err = readText(d)
		case "ts":
			f.time, err = readText(d)
		case "evtData":
			if d.PeekKind() != '{' {
				return d.SkipValue()
			}
			return eachMember(d, func(name []byte) (err error) {
				if string(name) != "event_id" {
					return d.SkipValue()
				}
				f.id, err = readText(d)
				return err
			})
		default:
			return d.SkipValue()
		}
		return err
	})
	return f, err
}

// denies tells whether an echo differs from a record in what should be the same.
func (f *face) denies(record *face) bool {
	return f.id.denies(record.id) || f.event.denies(record.event) || f.identity.denies(record.identity) ||
		f.kind.denies(record.kind)
}

// fits tells whether an echo is a record's, as far as can be seen: nothing differs, and something tells users or events
// apart.
func (f *face) fits(record *face) bool {
	return !f.denies(record) && !f.time.denies(record.time) &&
		(f.id.known && record.id.known || f.identity.known && record.identity.known)
}
