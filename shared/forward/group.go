package forward

import (
	"context"
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// uploads are the records of a batch, grouped by account, and what their delivery came to.
type uploads struct {
	*workspace
	accounts *accountReads
	batches  []clevertap.AccountBatch
	apps     [][]string // of each batch, for the metrics
	made     [][]byte   // every record, by its key
	reports  []uploadReport
}

// uploadReport is what the uploads of one account batch came to.
type uploadReport struct {
	apps    []string
	account string
	clevertap.BatchReport
}

// userKey names a user of an account batch, whose profiles become one record.
type userKey struct {
	batch    int
	objectID bool
	id       string
}

// userProfiles are a user's profiles in the queue's order and the messages that brought them.
type userProfiles struct {
	profiles []*mapping.Profile
	messages []int
	seen     int
}

// add turns what is pending into records, in the queue's order. A user's profiles become one record in the place of
// the last of them, and all the messages that contributed wait for it.
func (u *uploads) add(list []*pending, l *ledger) {
	batches := make([]int, len(list))
	people := make([][2]*userProfiles, len(list)) // the subscriber and the former one; nil: there is no profile
	users := make(map[userKey]*userProfiles, len(list))
	for n, p := range list {
		batches[n] = u.batch(p)
		for side, profile := range [2]*mapping.Profile{p.profile, p.former} {
			if profile == nil {
				continue
			}
			key := userKey{batches[n], profile.Identity.ObjectID, string(profile.Identity.Value)}
			user := users[key]
			if user == nil {
				user = &userProfiles{}
				users[key] = user
			}
			user.profiles, user.messages = append(user.profiles, profile), append(user.messages, p.message)
			people[n][side] = user
		}
	}
	for n, p := range list {
		if p.event != nil {
			u.addRecord(batches[n], p.event, l.add(Event, p.message))
		}
		if p.charged != nil {
			u.addRecord(batches[n], p.charged, l.add(Charged, p.message))
		}
		for _, user := range people[n] {
			if user == nil {
				continue
			}
			if user.seen++; user.seen == len(user.profiles) {
				u.addMerged(batches[n], user, l)
			}
		}
	}
}

// addMerged adds one user's record. A panic ends the messages that contributed, and no others.
func (u *uploads) addMerged(batch int, user *userProfiles, l *ledger) {
	defer l.recoverPanic(user.messages...)
	from := len(u.texts)
	u.texts = mapping.Merge(u.texts, user.profiles)
	u.addRecord(batch, u.texts[from:len(u.texts):len(u.texts)], l.add(Profile, user.messages...))
}

func (u *uploads) addRecord(batch int, json []byte, key int) {
	u.made = append(u.made, json)
	b := &u.batches[batch]
	b.Records = append(b.Records, clevertap.Record{Key: key, JSON: json})
}

// batch returns the index of an account's batch. Apps that share an account share its batch only if their passcodes
// are the same: a passcode that is refused must not stop the other.
func (u *uploads) batch(p *pending) int {
	for i := range u.batches {
		if u.batches[i].Account.Equal(p.account) {
			if !slices.Contains(u.apps[i], p.app) {
				u.apps[i] = append(u.apps[i], p.app)
			}
			return i
		}
	}
	refresh := u.accounts.refresh(p.app, p.to, p.account)
	u.batches = append(u.batches, clevertap.AccountBatch{Account: p.account, Refresh: refresh})
	u.apps = append(u.apps, []string{p.app})
	return len(u.batches) - 1
}

// send delivers all batches side by side and leaves them empty.
func (u *uploads) send(ctx context.Context, h *Handler, l *ledger) {
	if len(u.batches) == 0 {
		return
	}
	r := h.Uploader.Upload(ctx, u.batches, l)
	if r.Panic != nil {
		r.Panic.Log(ctx, h.Log, "upload panicked")
	}
	for i := range u.batches {
		u.reports = append(u.reports, uploadReport{u.apps[i], u.batches[i].Account.Key(), r.Batches[i]})
		u.batches[i].Records = nil
	}
}
