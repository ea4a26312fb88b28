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
	reports  []uploadReport
}

// uploadReport is what the uploads of one account batch came to.
type uploadReport struct {
	apps []string
	clevertap.BatchReport
}

// subject is one user of one account batch: the states of one user become one record.
type subject struct {
	batch    int
	objectID bool
	id       string
}

// states are a user's states in the queue's order and the messages that brought them.
type states struct {
	profiles []*mapping.Profile
	messages []int
	seen     int
}

// add turns what is pending into records, in the queue's order. A user's states become one record, which takes the place of
// the last of them and for which all the messages that contributed wait.
func (u *uploads) add(list []*pending, l *ledger) {
	batches := make([]int, len(list))
	users := make(map[subject]*states, len(list))
	for n, p := range list {
		batches[n] = u.batch(p)
		for _, profile := range p.profiles() {
			user := subjectOf(batches[n], profile)
			s := users[user]
			if s == nil {
				s = &states{}
				users[user] = s
			}
			s.profiles, s.messages = append(s.profiles, profile), append(s.messages, p.message)
		}
	}
	for n, p := range list {
		if p.event != nil {
			u.addRecord(batches[n], p.event, l.add(Event, p.message))
		}
		if p.charged != nil {
			u.addRecord(batches[n], p.charged, l.add(Charged, p.message))
		}
		for _, profile := range p.profiles() {
			s := users[subjectOf(batches[n], profile)]
			if s.seen++; s.seen == len(s.profiles) {
				u.addMerged(batches[n], s, l)
			}
		}
	}
}

// profiles are the profiles that a message wants to send.
func (p *pending) profiles() []*mapping.Profile {
	return slices.DeleteFunc([]*mapping.Profile{p.profile, p.former}, func(p *mapping.Profile) bool { return p == nil })
}

func subjectOf(batch int, p *mapping.Profile) subject {
	return subject{batch, p.Identity.ObjectID, string(p.Identity.Value)}
}

// addMerged adds one user's record. A panic ends the messages that contributed, and no others.
func (u *uploads) addMerged(batch int, s *states, l *ledger) {
	defer l.recoverPanic(s.messages...)
	from := len(u.texts)
	u.texts = mapping.Merge(u.texts, s.profiles)
	u.addRecord(batch, u.texts[from:len(u.texts):len(u.texts)], l.add(Profile, s.messages...))
}

func (u *uploads) addRecord(batch int, json []byte, key int) {
	b := &u.batches[batch]
	b.Records = append(b.Records, clevertap.Record{Key: key, JSON: json})
}

// batch finds or opens the batch of an account. Apps that share an account share its batch only if their passcodes are the
// same: one dead passcode must not stop the other.
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
func (u *uploads) send(ctx context.Context, uploader Uploader, l *ledger) {
	if len(u.batches) == 0 {
		return
	}
	r := uploader.Upload(ctx, u.batches, l)
	for i := range u.batches {
		u.reports = append(u.reports, uploadReport{u.apps[i], r.Batches[i]})
		u.batches[i].Records = nil
	}
}
