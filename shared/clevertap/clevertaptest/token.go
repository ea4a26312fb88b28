package clevertaptest

// tokenTypes are the push services (page upload-device-tokens-api and its older forms, November 2026).
var tokenTypes = map[string]bool{"fcm": true, "apns": true, "gcm": true, "chrome": true, "wns": true, "mpns": true}

// token checks a device token.
func (j *judge) token(f *finding) int {
	f.data = f.node.find("tokenData")
	if f.data == nil || f.data.kind != '{' {
		return 531
	}
	if id := f.data.find("id"); id == nil || id.kind != '"' || len(id.text) == 0 {
		return 532
	}
	typ := f.data.find("type")
	switch {
	case typ == nil || typ.kind != '"' || len(typ.text) == 0:
		return 533
	case !tokenTypes[string(typ.text)]:
		return 534
	case len(f.data.kids) != 2:
		return 535
	}
	return 0
}
