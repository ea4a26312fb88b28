package mapping

import "slices"

// Clone copies a profile out of its Result's memory, so that it outlives the next Map; nil stays nil.
func (p *Profile) Clone() *Profile {
	if p == nil {
		return nil
	}
	size := len(p.Identity.Value) + len(p.Purchase)
	for i := range p.Entries {
		size += len(p.Entries[i].Value)
	}
	texts := make([]byte, 0, size)
	keep := func(text []byte) []byte {
		from := len(texts)
		texts = append(texts, text...)
		return texts[from:len(texts):len(texts)]
	}
	c := *p
	c.Identity.Value, c.Purchase = keep(p.Identity.Value), keep(p.Purchase)
	c.Entries = slices.Clone(p.Entries)
	for i := range c.Entries {
		c.Entries[i].Value = keep(c.Entries[i].Value)
	}
	return &c
}
