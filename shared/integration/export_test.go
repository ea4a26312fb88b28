package integration

// Key is a key of the format, for the test that keeps the schema equal to the loader.
type Key struct {
	Name, Form, Default string
	Words               []string
	Keys                []Key
}

var formNames = map[form]string{section: "section", entries: "entries", flag: "flag", choice: "choice", text: "text"}

func exported(keys []key) []Key {
	var out []Key
	for _, k := range keys {
		out = append(out, Key{Name: k.name, Form: formNames[k.form], Default: k.byDefault(), Words: k.words, Keys: exported(k.keys)})
	}
	return out
}

// AppKeys and EntryKeys are the loader's own tables.
func AppKeys() []Key   { return exported(appKeys) }
func EntryKeys() []Key { return exported(entryKeys) }

// NeverSent tells whether the loader warns that an attribute is never sent.
var NeverSent = neverSent

// MaxPairs bounds what a file may describe through aliases.
const MaxPairs = maxPairs
