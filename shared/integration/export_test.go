package integration

// Key is a key of the format, for the test that keeps the schema equal to the loader.
type Key struct {
	Name, Form, Default string
	Words               []string
	Keys                []Key
}

var formNames = [...]string{
	section: "section", entryList: "entries", flag: "flag", choice: "choice", anyString: "text",
	duration: "duration", address: "address", eventList: "events",
}

func exported(keys []key) []Key {
	var out []Key
	for _, k := range keys {
		out = append(out, Key{k.name, formNames[k.form], k.byDefault(), k.words, exported(k.keys)})
	}
	return out
}

// AppKeys and EntryKeys return the loader's own tables.
func AppKeys() []Key   { return exported(appKeys) }
func EntryKeys() []Key { return exported(entryKeys) }

// NeverSent returns why an attribute is never sent.
var NeverSent = neverSent

// MaxPairs is how many pairs a file may describe.
const MaxPairs = maxPairs
