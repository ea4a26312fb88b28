package webhook

// few is how many names are compared one by one before a map takes over.
const few = 16

// index finds fields by name. A webhook has one or two names outside the catalogue and needs no map; a body with thousands gets
// one, so that the time to read it grows with its length and not with its square.
type index struct {
	places []int
	byName map[string]int
}

func (i *index) reset() {
	i.places = i.places[:0]
	clear(i.byName)
}

// find gives the place of a name among the fields; -1: it is not there.
func (i *index) find(fields []Field, name []byte) int {
	if len(i.places) > few {
		if place, ok := i.byName[string(name)]; ok {
			return place
		}
		return -1
	}
	for _, place := range i.places {
		if string(fields[place].Name) == string(name) {
			return place
		}
	}
	return -1
}

// add notes the name of the field that is about to be appended.
func (i *index) add(fields []Field, name []byte) {
	i.places = append(i.places, len(fields))
	switch n := len(i.places); {
	case n <= few:
	case n == few+1:
		if i.byName == nil {
			i.byName = make(map[string]int)
		}
		for _, place := range i.places[:few] {
			i.byName[string(fields[place].Name)] = place
		}
		fallthrough
	default:
		i.byName[string(name)] = len(fields)
	}
}
