package integration

import "github.com/purchasely-clevertap/bridge/shared/webhook"

// Load reads a file: every problem at once. The File is nil if a problem is an error. The path is only told, nothing is opened.
func Load(path string, text []byte) (*File, Problems) {
	r := &report{path: path}
	root := parse(r, text)
	if root == nil {
		return nil, r.sorted()
	}
	read := &reader{report: r}
	apps := read.file(root)
	if apps == nil {
		return nil, r.sorted()
	}
	catalogue := webhook.EmbeddedCatalogue()
	file := &File{Path: path, Apps: make(map[string]*App, len(apps.pairs))}
	for _, p := range apps.pairs {
		if !read.afford(p.at) {
			break
		}
		d := read.app(p)
		app := d.decide(catalogue)
		(&linter{report: r, draft: d, app: app, catalogue: catalogue}).lint()
		file.Apps[d.name] = app
	}
	problems := r.sorted()
	if problems.Failed() {
		return nil, problems
	}
	return file, problems
}
