package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/purchasely-clevertap/bridge/shared/forward"
	"github.com/purchasely-clevertap/bridge/shared/holder"
)

// unreadable is the version of an entry that another version wrote, or a hand edited: it is replaced whatever it is.
const unreadable = -1

// clockSkew is how far another forwarder's clock may run ahead of ours.
const clockSkew = time.Hour

var (
	errUnreadable = errors.New("holder entry cannot be read and will be replaced")
	errFuture     = errors.New("holder entry has a purchase from the future, whose time does not count")
)

// encodeEntry makes the entry: {holder, version, expires, production: {purchase: {active, at, rank}}, sandbox: {…}}.
func encodeEntry(key string, s forward.Stored, expires time.Time) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		attrHolder:     &types.AttributeValueMemberS{Value: key},
		attrVersion:    number(max(s.Version, 0) + 1),
		attrExpires:    number(expires.Unix()),
		attrProduction: encodePurchases(s.State.Production),
		attrSandbox:    encodePurchases(s.State.Sandbox),
	}
}

func encodePurchases(entries map[string]holder.Entry) types.AttributeValue {
	all := make(map[string]types.AttributeValue, len(entries))
	for id, e := range entries {
		all[id] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"active": &types.AttributeValueMemberBOOL{Value: e.Active},
			"at":     number(e.At.UnixMilli()),
			"rank":   number(int64(e.Rank)),
		}}
	}
	return &types.AttributeValueMemberM{Value: all}
}

// decodeEntry reads an entry. The error comes with the key and what may be believed of the entry: nothing of what cannot be read, and of a
// purchase from the future no more than whether it is active, so that the next event about it counts.
func decodeEntry(item map[string]types.AttributeValue, now time.Time) (string, forward.Stored, error) {
	key := text(item[attrHolder])
	version, ok := integer(item[attrVersion])
	production, ok1 := decodePurchases(item[attrProduction])
	sandbox, ok2 := decodePurchases(item[attrSandbox])
	if !ok || version < 1 || !ok1 || !ok2 {
		return key, forward.Stored{Version: unreadable}, errUnreadable
	}
	var err error
	for _, environment := range [...]map[string]holder.Entry{production, sandbox} {
		for id, e := range environment {
			if e.At.After(now.Add(clockSkew)) {
				environment[id] = holder.Entry{Active: e.Active, At: time.UnixMilli(1)}
				err = errFuture
			}
		}
	}
	return key, forward.Stored{State: holder.State{Production: production, Sandbox: sandbox}, Version: version}, err
}

func decodePurchases(v types.AttributeValue) (map[string]holder.Entry, bool) {
	if v == nil {
		return nil, true
	}
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return nil, false
	}
	all := make(map[string]holder.Entry, len(m.Value))
	for id, purchase := range m.Value {
		if all[id], ok = decodePurchase(purchase); !ok {
			return nil, false
		}
	}
	return all, true
}

func decodePurchase(v types.AttributeValue) (holder.Entry, bool) {
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return holder.Entry{}, false
	}
	active, ok := m.Value["active"].(*types.AttributeValueMemberBOOL)
	at, ok1 := integer(m.Value["at"])
	rank, ok2 := integer(m.Value["rank"])
	if !ok || !ok1 || !ok2 || rank < int64(holder.Other) || rank > int64(holder.Activate) {
		return holder.Entry{}, false
	}
	return holder.Entry{Active: active.Value, At: time.UnixMilli(at), Rank: holder.Rank(rank)}, true
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func integer(v types.AttributeValue) (int64, bool) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	return i, err == nil
}

func text(v types.AttributeValue) string {
	s, ok := v.(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return s.Value
}
