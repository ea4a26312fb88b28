package forward

import (
	"context"
	"slices"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/mapping"
)

// lane finds or opens the lane of an account. Apps that share an account share its lane only if their passcodes are the same: one
// dead passcode must not stop the other.
func (v *invocation) lane(account clevertap.Account, app string, to mapping.Destination) int {
	for i := range v.lanes {
		if v.lanes[i].Account.Equal(account) {
			if !slices.Contains(v.laneApps[i], app) {
				v.laneApps[i] = append(v.laneApps[i], app)
			}
			return i
		}
	}
	refresh := func(ctx context.Context) (clevertap.Account, error) {
		accounts, err := v.handler.Accounts.Reload(ctx, app)
		switch {
		case err != nil:
			return clevertap.Account{}, err
		case to != mapping.SandboxAccount:
			return accounts.Production, nil
		case accounts.Sandbox == nil:
			return account, nil
		default:
			return *accounts.Sandbox, nil
		}
	}
	var records []clevertap.Record
	if n := len(v.lanes); n < cap(v.lanes) {
		records = v.lanes[:n+1][n].Records[:0] // the memory of a lane that was closed
	}
	v.lanes = append(v.lanes, clevertap.AccountBatch{Account: account, Refresh: refresh, Records: records})
	v.laneApps = append(v.laneApps, []string{app})
	return len(v.lanes) - 1
}

// emptyLanes leaves the lanes without records.
func (v *invocation) emptyLanes() {
	for i := range v.lanes {
		v.lanes[i].Records = v.lanes[i].Records[:0]
	}
}

// closeLanes forgets the accounts, and keeps the memory of the lanes' records.
func (v *invocation) closeLanes() {
	for i := range v.lanes {
		v.lanes[i] = clevertap.AccountBatch{Records: v.lanes[i].Records[:0]}
	}
	v.lanes = v.lanes[:0]
}
