package clevertap

// Record is one entry of an upload. Its bytes must not change before the upload returns; nothing reads them afterwards.
type Record struct {
	Key  int    // the caller's; handed back untouched
	JSON []byte // encoded once: what was measured is what is sent
}
