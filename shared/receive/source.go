package receive

import (
	"net/netip"
	"slices"
)

// Sources are the addresses that webhooks may come from.
type Sources []netip.Prefix

// allow tells whether a request comes from one of them. The address is the one that API Gateway has seen; what a sender writes into
// headers does not count. An event without an address comes from nowhere.
func (s Sources) allow(r request) bool {
	if len(s) == 0 {
		return true
	}
	address, err := netip.ParseAddr(r.source())
	if err != nil {
		return false
	}
	address = address.Unmap()
	return slices.ContainsFunc(s, func(p netip.Prefix) bool { return p.Contains(address) })
}

// source reads the sender's address out of the request's context. It is read only where somebody asks for it.
func (r request) source() (address string) {
	e := newEvent(r.context)
	_ = e.members(func(name []byte) error { // The event has been read once; what is missing gives "".
		if string(name) != "http" {
			return nil
		}
		return e.members(func(name []byte) (err error) {
			if string(name) == "sourceIp" {
				address, err = e.text()
			}
			return err
		})
	})
	return address
}
