package mapping

// Copies keeps copies of profiles beyond the next Map. The zero Copies is ready; its memory is used again after Forget.
type Copies struct {
	profiles []Profile
	entries  []Entry
	texts    []byte
}

// Forget ends the life of all copies.
func (c *Copies) Forget() {
	c.profiles, c.entries, c.texts = c.profiles[:0], c.entries[:0], c.texts[:0]
}

// Of copies a profile out of its Result's memory; nil stays nil.
func (c *Copies) Of(p *Profile) *Profile {
	if p == nil {
		return nil
	}
	c.profiles = append(c.profiles, *p)
	copied := &c.profiles[len(c.profiles)-1]
	copied.Identity.Value, copied.Purchase = c.text(p.Identity.Value), c.text(p.Purchase)
	from := len(c.entries)
	for _, e := range p.Entries {
		e.Value = c.text(e.Value)
		c.entries = append(c.entries, e)
	}
	copied.Entries = c.entries[from:len(c.entries):len(c.entries)]
	return copied
}

// text copies a text. Copies made before stay where they are when the memory grows.
func (c *Copies) text(text []byte) []byte {
	from := len(c.texts)
	c.texts = append(c.texts, text...)
	return c.texts[from:len(c.texts):len(c.texts)]
}
