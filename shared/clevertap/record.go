package clevertap

// Record is one entry of an upload. Its bytes must never change: a transport may read them for a while after it gave up.
type Record struct {
	Key  int    // the caller's; handed back untouched
	JSON []byte // encoded once: what was measured is what is sent
}
