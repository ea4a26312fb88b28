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

var errEntry = errors.New("holder entry cannot be read")

// encodeItem makes the entry: {holder, version, expires, production: {purchase: {active, at, rank}}, sandbox: {…}}.
func encodeItem(key string, s forward.Stored, expires time.Time) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		attrHolder:     &types.AttributeValueMemberS{Value: key},
		attrVersion:    number(max(s.Version, 0) + 1),
		attrExpires:    number(expires.Unix()),
		attrProduction: purchases(s.State.Production),
		attrSandbox:    purchases(s.State.Sandbox),
	}
}

func purchases(entries map[string]holder.Entry) types.AttributeValue {
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

// decodeItem reads an entry. The error comes with the key and an empty, unreadable Stored.
func decodeItem(item map[string]types.AttributeValue) (string, forward.Stored, error) {
	key := text(item[attrHolder])
	broken := forward.Stored{Version: unreadable}
	version, ok := integer(item[attrVersion])
	if !ok || version < 1 {
		return key, broken, errEntry
	}
	production, ok1 := entries(item[attrProduction])
	sandbox, ok2 := entries(item[attrSandbox])
	if !ok1 || !ok2 {
		return key, broken, errEntry
	}
	return key, forward.Stored{State: holder.State{Production: production, Sandbox: sandbox}, Version: version}, nil
}

func entries(v types.AttributeValue) (map[string]holder.Entry, bool) {
	if v == nil {
		return nil, true
	}
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return nil, false
	}
	all := make(map[string]holder.Entry, len(m.Value))
	for id, purchase := range m.Value {
		e, ok := entry(purchase)
		if !ok {
			return nil, false
		}
		all[id] = e
	}
	return all, true
}

func entry(v types.AttributeValue) (holder.Entry, bool) {
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
