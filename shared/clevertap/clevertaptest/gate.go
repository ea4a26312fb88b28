package clevertaptest

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// The paths that are answered, the headers that carry the credentials in Go's spelling, and the trap.
const (
	uploadPath     = "/1/upload"
	deletePath     = "/1/delete/profiles.json"
	trapPath       = "/trap"
	accountHeader  = "X-Clevertap-Account-Id"
	passcodeHeader = "X-Clevertap-Passcode"
)

// findPath knows two paths and one method.
func (v *visit) findPath() *reply {
	switch v.record.Path {
	case uploadPath, deletePath:
	case trapPath:
		v.server.mu.Lock()
		defer v.server.mu.Unlock()
		v.server.objections = append(v.server.objections, Objection{Account: v.record.Account, Request: v.record.Number, Rule: RedirectFollowed})
		return page(http.StatusNotFound)
	default:
		return page(http.StatusNotFound)
	}
	if v.record.Method != http.MethodPost {
		p := refusal(http.StatusMethodNotAllowed, "method not allowed")
		p.header.Set("Allow", http.MethodPost)
		return p
	}
	return nil
}

// checkCredentials answers every wrong credential with the same words.
func (v *visit) checkCredentials() *reply {
	ids, passcodes := v.http.Header.Values(accountHeader), v.http.Header.Values(passcodeHeader)
	s := v.server
	s.mu.Lock()
	defer s.mu.Unlock()
	a := v.account
	switch {
	case len(ids) != 1, len(passcodes) != 1, a == nil, passcodes[0] == "", !slices.Contains(a.now.Passcodes, passcodes[0]),
		v.region != "" && v.region != a.now.Region:
		return unauthorized()
	case a.now.Blocked:
		return refusal(http.StatusForbidden, "operation not allowed")
	default:
		return nil
	}
}

// takePlace lets so many requests of an account in at once.
func (v *visit) takePlace() *reply {
	s := v.server
	s.mu.Lock()
	defer s.mu.Unlock()
	a := v.account
	at, limit := &a.uploads, a.now.Limits.InFlight
	if v.record.Path == deletePath {
		at, limit = &a.deletes, a.now.Limits.Deletes
	}
	v.record.InFlight = at.taken + 1
	at.highest = max(at.highest, at.taken+1)
	if at.taken >= limit {
		p := refusal(http.StatusTooManyRequests, "too many requests at once")
		if a.now.RetryAfter != "" {
			p.header.Set("Retry-After", a.now.RetryAfter)
		}
		return p
	}
	at.taken++
	v.place = at
	return nil
}

// checkHeaders demands JSON, uncompressed, and no query but that of a dry run.
func (v *visit) checkHeaders() *reply {
	types := v.http.Header.Values("Content-Type")
	if len(types) != 1 {
		return unreadable()
	}
	media, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || media != "application/json" {
		return unreadable()
	}
	for name, value := range parameters {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return unreadable()
		}
	}
	if len(v.http.Header.Values("Content-Encoding")) > 0 {
		return unreadable()
	}
	query := v.http.URL.RawQuery
	v.note(func(r *Request) { r.DryRun = query == "dryRun=1" })
	if query != "" && (query != "dryRun=0" && query != "dryRun=1" || v.record.Path == deletePath) {
		return unreadable()
	}
	return nil
}

// readBody reads a body within the limit. A longer one is refused with the rest of it unread.
func (v *visit) readBody() ([]byte, *reply) {
	limit := v.judge().limits.Bytes
	announced := v.http.ContentLength
	if announced > limit {
		v.note(func(r *Request) { r.Size = announced })
		return nil, tooLarge()
	}
	body := bytes.NewBuffer(make([]byte, 0, max(announced, 0)+bytes.MinRead))
	size, err := body.ReadFrom(io.LimitReader(v.http.Body, limit+1))
	v.note(func(r *Request) { r.Size = size })
	switch {
	case err != nil:
		return nil, &reply{end: resetEnd} // The sender is gone.
	case size > limit:
		return nil, tooLarge()
	}
	return body.Bytes(), nil
}
