package clevertaptest

import "bytes"

// upload checks an upload, stores what is good of it and answers.
func (v *visit) upload(body []byte) *reply {
	j := v.judge()
	root, free, err := parse(body)
	defer free()
	records, ok := listOf(&root, j.limits)
	ok = ok && err == nil
	v.note(func(r *Request) { r.Records = len(records) })
	if !ok {
		return v.refuse(unreadable())
	}
	front := v.effects(len(body))
	if front != nil && !front.Stored {
		return v.strike(front)
	}
	findings := make([]finding, len(records))
	for i := range records {
		findings[i] = j.record(&records[i], i+1)
	}
	if r := v.take(recordStage, func(r *rule) bool { return r.Kind == Poison && holds(findings, r.Marker) }); r != nil {
		return v.pausing(r.answer())
	}
	entries := v.entries(findings)
	v.note(func(r *Request) { r.Accepted = len(findings) - len(entries) })
	if v.record.DryRun {
		v.server.mu.Lock()
		v.account.dryRuns++
		v.server.mu.Unlock()
	} else {
		remarkTwins(findings)
		v.store(findings)
	}
	if front != nil {
		return v.strike(front)
	}
	a := answer{visit: v, sent: len(findings), entries: entries}
	if r := v.take(answerStage, nil); r != nil {
		a.fault = r
	}
	return v.finishing(jsonReply(200, a.body()))
}

// listOf gives the list under the one key of an upload, and whether its length is right.
func listOf(root *node, limits Limits) ([]node, bool) {
	if root.kind != '{' || len(root.kids) != 1 || string(root.kids[0].key) != "d" || root.kids[0].kind != '[' {
		return nil, false
	}
	records := root.kids[0].kids
	profiles, tokens := 0, 0
	for i := range records {
		if t := records[i].find("type"); t != nil && string(t.text) == "profile" {
			profiles++
		} else if t != nil && string(t.text) == "token" {
			tokens++
		}
	}
	return records, len(records) >= 1 && len(records) <= limits.Records && profiles <= limits.Profiles && tokens <= limits.Tokens
}

// holds tells whether a record has a text in its bytes.
func holds(findings []finding, marker string) bool {
	for i := range findings {
		if bytes.Contains(findings[i].node.raw, []byte(marker)) {
			return true
		}
	}
	return false
}

// entries gives what the answer lists: the refused records, and those that a fault refuses for now. A fault may say that
// it refused a record which it lets be stored.
func (v *visit) entries(findings []finding) []entry {
	said := make([]int, len(findings))
	seed := v.server.config.Seed
	for {
		r := v.take(recordStage, func(r *rule) bool {
			any := false
			for i := range findings {
				if r.Kind != Passing || findings[i].code != 0 || said[i] != 0 || !r.chosen(findings[i].node.raw, seed) {
					continue
				}
				said[i], any = r.Code, true
				if !r.Stored {
					findings[i].code = r.Code
				}
			}
			return any
		})
		if r == nil {
			break
		}
	}
	var list []entry
	for i := range findings {
		if code := max(findings[i].code, said[i]); code != 0 {
			list = append(list, entry{position: i + 1, code: code, record: findings[i].node})
		}
	}
	return list
}

// remarkTwins objects to a second profile record for a user in one upload.
func remarkTwins(findings []finding) {
	seen := map[subscriber]bool{}
	for i := range findings {
		f := &findings[i]
		if f.code != 0 || f.kind != "profile" {
			continue
		}
		if at := (subscriber{f.key, f.id}); seen[at] {
			f.object(ProfileTwins, "")
		} else {
			seen[at] = true
		}
	}
}
