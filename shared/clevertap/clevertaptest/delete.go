package clevertaptest

import "net/http"

// maxDeleted is how many users one call may delete (page delete-user-profile-api, November 2026).
const maxDeleted = 100

// delete forgets users.
func (v *visit) delete(body []byte) *reply {
	key, ids := readDeletion(body)
	v.note(func(r *Request) { r.Records = len(ids) })
	if len(ids) == 0 || len(ids) > maxDeleted {
		return v.refuse(unreadable())
	}
	front := v.effects(len(body))
	if front != nil && !front.Stored {
		return v.strike(front)
	}
	v.forget(key, ids)
	v.note(func(r *Request) { r.Accepted = len(ids) })
	if front != nil {
		return v.strike(front)
	}
	answer := []byte(`{"status":"success"}`)
	if r := v.take(answerStage, func(r *rule) bool { return r.Kind == BareFail }); r != nil {
		answer = []byte(bareFail)
	}
	return v.finishing(jsonReply(http.StatusOK, answer))
}

// readDeletion reads one id, or an array of ids, under the key identity or guid. It gives none if anything is wrong.
func readDeletion(body []byte) (key string, ids []string) {
	root, free, err := parse(body)
	defer free()
	if err != nil || root.kind != '{' || len(root.kids) != 1 {
		return "", nil
	}
	list := root.kids
	key = string(list[0].key)
	if key != "identity" && key != "guid" {
		return "", nil
	}
	if list[0].kind == '[' {
		list = list[0].kids
	}
	for i := range list {
		if list[i].kind != '"' || len(list[i].text) == 0 {
			return "", nil
		}
		ids = append(ids, string(list[i].text))
	}
	return key, ids
}

func (v *visit) forget(key string, ids []string) {
	s := v.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.deletions = append(s.deletions, Deletion{v.account.now.ID, v.record.Number, v.record.Time, key, id})
		at := subscriber{"identity", id}
		if key == "guid" {
			at.key = "objectId"
		}
		v.account.forget(at)
	}
}
