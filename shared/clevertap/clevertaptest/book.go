package clevertaptest

// book is what an account has learnt from the records it took.
type book struct {
	names          map[string]bool // event names, folded
	events         schema
	profiles       schema
	items          schema
	accepted       map[eventKey]int // number of the record
	charged        map[string]bool
	subscribers    map[subscriber]*Profile
	subscriberList []*Profile // in order of creation
	sums           map[string]*sum
	dryRuns        int
	refusals       map[int]int
}

// eventKey is what makes an event the same as another.
type eventKey struct{ id, name string }

// subscriber is how a user is addressed.
type subscriber struct{ key, id string }

func newBook() book {
	return book{
		names: map[string]bool{}, events: newSchema(), profiles: newSchema(), items: newSchema(), accepted: map[eventKey]int{},
		charged: map[string]bool{}, subscribers: map[subscriber]*Profile{}, sums: map[string]*sum{}, refusals: map[int]int{},
	}
}

// schema remembers the keys of events, of profiles or of purchased things, with the type each came with first.
type schema struct {
	types map[string]class
	folds map[string]bool
}

// class is the type of a property as CleverTap sees it: a date is not a string.
type class byte

const (
	textClass    class = 's'
	dateClass    class = 'd'
	numberClass  class = 'n'
	booleanClass class = 'b'
	nestedClass  class = '{'
)

func newSchema() schema { return schema{map[string]class{}, map[string]bool{}} }

func classOf(n *node) class {
	switch n.kind {
	case '"':
		if isDate(n.text) {
			return dateClass
		}
		return textClass
	case '0':
		return numberClass
	case 't', 'f':
		return booleanClass
	default:
		return nestedClass
	}
}

// note takes a property in and gives the rule it offends against, if any.
func (s schema) note(p *node) string {
	first, known := s.types[string(p.key)]
	if known {
		if first != classOf(p) {
			return TypeChanged
		}
		return ""
	}
	s.types[string(p.key)] = classOf(p)
	folded := fold(p.key)
	if s.folds[folded] {
		return KeyTwin
	}
	s.folds[folded] = true
	return ""
}

// learn takes an accepted record in and adds what that brings up against it.
func (a *account) learn(f *finding, number int) {
	switch f.kind {
	case "event":
		a.learnEvent(f, number)
	case "profile":
		a.noteAll(f, a.profiles, f.data.kids)
	}
}

func (a *account) learnEvent(f *finding, number int) {
	folded := fold([]byte(f.name))
	if !a.names[folded] {
		a.names[folded] = true
		if len(a.names) == maxEventNames+1 {
			f.object(EventNames, "")
		}
	}
	if key := (eventKey{f.eventID, f.name}); f.eventID != "" {
		if _, before := a.accepted[key]; before {
			f.object(Repeated, "event_id")
		} else {
			a.accepted[key] = number
		}
	}
	a.noteAll(f, a.events, f.data.kids)
	if folded != "CHARGED" {
		return
	}
	if items := f.data.find("Items"); items != nil {
		for i := range items.kids {
			a.noteAll(f, a.items, items.kids[i].kids)
		}
	}
	if id := f.data.find("Charged ID"); id != nil {
		text := string(id.raw)
		if id.kind == '"' {
			text = string(id.text)
		}
		if a.charged[text] {
			f.object(ChargedID, "Charged ID")
		}
		a.charged[text] = true
	}
	a.earn(f.data)
}

func (a *account) noteAll(f *finding, s schema, properties []node) {
	for i := range properties {
		if rule := s.note(&properties[i]); rule != "" {
			f.object(rule, string(properties[i].key))
		}
	}
}
