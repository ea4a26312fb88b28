package forward

import (
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// invocation is one batch on its way. Lambda calls a process for one batch after the other, so the memory of the last is kept for the
// next: what a batch needs has its size then, and the collector has nothing to do.
type invocation struct {
	handler  *Handler
	start    time.Time
	batch    batch
	event    webhook.Event
	result   mapping.Result
	ledger   ledger
	subjects []subject
	noted    map[string]Kind
	received time.Time // when the message that is being opened was
	drafts   []draft
	copies   mapping.Copies // the drafts' profiles
	grouping grouping
	holdings []*holding // in the order in which they came
	byKey    map[string]*holding
	arena    []byte // encoded records, and texts for the log
	lanes    []clevertap.AccountBatch
	laneApps [][]string // the apps of each lane, for the metrics
	secrets  map[string]*secret
	settling time.Duration // what is kept for after the uploads
	tally    tally
}

// begin gives an invocation the memory of one that has ended, if there is one.
func (h *Handler) begin() *invocation {
	v := h.idle.Swap(nil)
	if v == nil {
		v = &invocation{secrets: make(map[string]*secret), byKey: make(map[string]*holding)}
	}
	v.handler, v.start = h, h.now()
	return v
}

// end keeps an invocation's memory for the next one. Nobody may be using any of it: all goroutines have ended, and whoever was given a
// part of it has returned.
func (h *Handler) end(v *invocation) {
	v.noted, v.settling, v.tally = nil, 0, tally{}
	clear(v.subjects)
	clear(v.drafts)
	clear(v.holdings)
	clear(v.byKey)
	clear(v.secrets)
	v.subjects, v.drafts, v.holdings, v.arena = v.subjects[:0], v.drafts[:0], v.holdings[:0], v.arena[:0]
	v.laneApps = v.laneApps[:0]
	v.closeLanes()
	v.grouping.end()
	v.copies.Forget()
	h.idle.Store(v)
}
