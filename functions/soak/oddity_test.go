//go:build soak

package soak_test

import (
	"fmt"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/fault"
	"github.com/purchasely-clevertap/bridge/shared/forward"
)

// oddities are messages that no receiver puts on a queue, by how they differ from those that it does, and why they are rejected.
var oddities = []struct {
	reason     fault.Reason
	attributes map[string]string
}{
	{fault.UnknownSchema, map[string]string{"schema": "2", "app": "parla", "encoding": "raw"}},
	{fault.UnknownSchema, nil},
	{fault.Malformed, map[string]string{"schema": "1", "app": "parla", "encoding": "base64"}},
	{fault.Malformed, map[string]string{"schema": "1", "app": "parla", "encoding": "zip"}},
	{fault.UnknownApp, map[string]string{"schema": "1", "app": "vanished", "encoding": "raw"}},
}

// plantOddities puts one of each on the queue.
func (w *weather) plantOddities() {
	for _, o := range oddities {
		w.odd++
		body := fmt.Sprintf("{%q: %d}", personal, w.odd)
		w.plant(w.odd, &sent{
			app: o.attributes["app"], body: body, key: keyOf(o.attributes["app"], body), odd: true, outcome: forward.Rejected, reason: o.reason,
		}, o.attributes)
	}
}

// plant puts a message on the queue and remembers what has to become of it.
func (k *stack) plant(n int, s *sent, attributes map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := awstest.Message{Body: s.body, Attributes: map[string]awstest.Attribute{}}
	if k.sending.FIFO() {
		m.GroupID, m.DeduplicationID = fmt.Sprint("planted-", n%3), fmt.Sprint("planted-", n)
	}
	for name, value := range attributes {
		m.Attributes[name] = awstest.Attribute{DataType: "String", StringValue: value}
	}
	if _, err := k.sending.Send(m); err != nil {
		k.Error(err)
		return
	}
	k.planted = append(k.planted, s)
}
