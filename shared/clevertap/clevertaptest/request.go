package clevertaptest

import (
	"cmp"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// The paths that are answered, and the headers that carry the credentials in Go's spelling.
const (
	uploadPath     = "/1/upload"
	deletePath     = "/1/delete/profiles.json"
	trapPath       = "/trap" // where injected redirects lead
	accountHeader  = "X-Clevertap-Account-Id"
	passcodeHeader = "X-Clevertap-Passcode"
)

const (
	maxBytes   = 4 << 20 // of a body; the vendor states no limit
	maxDeletes = 3       // in flight (page api-request-limit, November 2026)
	maxReads   = 3       // likewise
)

// Request is what the server keeps of one request.
type Request struct {
	Number   int           `json:"number"` // from 1, in order of arrival
	Time     time.Time     `json:"time"`
	Account  string        `json:"account,omitzero"` // as its header named it
	Host     string        `json:"host"`             // the host it was meant for
	Path     string        `json:"path"`             // without that host
	Query    string        `json:"query,omitzero"`
	Header   http.Header   `json:"header"` // the passcode masked
	Size     int64         `json:"size"`   // of the body, as far as it was read
	Records  int           `json:"records"`
	Status   int           `json:"status"` // 0: no answer
	Faults   []Kind        `json:"faults,omitempty"`
	Duration time.Duration `json:"duration"` // until just before the last byte of the answer
}

// exchange is one request on its way through the server, whose lock is held all the way but while the body is read.
type exchange struct {
	*Server
	http    *http.Request
	kept    *Request
	account *account  // nil until its header named one that is known
	taken   *inFlight // nil if the request does not count
	chance  *rand.Rand
}

// receive takes a request from its headers to its answer.
func (s *Server) receive(r *http.Request) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.arrive(r)
	p := e.work()
	if p.end == whole || p.end == half {
		e.kept.Status = p.status
	}
	p.release = sync.OnceFunc(e.leave)
	return p
}

// arrive numbers a request and keeps what its headers say.
func (s *Server) arrive(r *http.Request) *exchange {
	host, path := r.Host, r.URL.Path
	if first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); strings.Contains(first, ".") {
		host, path = first, path[1+len(first):] // as {host} in CLEVERTAP_ENDPOINT makes it
	}
	header := r.Header.Clone()
	for i := range header[passcodeHeader] {
		header[passcodeHeader][i] = "[secret]"
	}
	e := &exchange{Server: s, http: r, account: s.accounts[r.Header.Get(accountHeader)], kept: &Request{
		Number: len(s.requests) + 1, Time: time.Now(), Account: r.Header.Get(accountHeader), Host: host, Path: path,
		Query: r.URL.RawQuery, Header: header,
	}}
	s.requests = append(s.requests, e.kept)
	// A source of its own, so that a request's luck depends on the seed and its number alone.
	e.chance = rand.New(rand.NewPCG(s.seed, uint64(e.kept.Number))) //nolint:gosec // Repeatable, not secret.
	return e
}

// leave frees the slot, just before the last byte of the answer is sent.
func (e *exchange) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept.Duration = time.Since(e.kept.Time)
	if e.taken != nil {
		e.taken.now--
	}
}

// work applies the rules for whole requests in their order, and then does what the request asks for.
func (e *exchange) work() *reply {
	e.changeAccount()
	var body []byte
	var refused *reply
	for _, check := range []func() *reply{e.checkPath, e.checkCredentials, e.takeSlot, e.checkHeaders} {
		if refused = check(); refused != nil {
			break
		}
	}
	if refused == nil {
		body, refused = e.readBody()
	}
	e.findPasscodes(string(body))
	switch {
	case refused != nil:
		return refused
	case e.kept.Path == deletePath:
		return e.delete(body)
	case e.kept.Path == uploadPath:
		return e.upload(body)
	default:
		return e.read(body)
	}
}

// methods are those that each path takes. A read is asked for by POST, and its answer fetched by GET.
var methods = map[string][]string{
	uploadPath: {http.MethodPost}, deletePath: {http.MethodPost}, profilePath: {http.MethodGet},
	trendsPath: {http.MethodPost, http.MethodGet}, rowsPath: {http.MethodPost, http.MethodGet},
}

func (e *exchange) checkPath() *reply {
	allowed := methods[e.kept.Path]
	switch {
	case slices.Contains(allowed, e.http.Method):
		return nil
	case len(allowed) > 0:
		p := errorReply(http.StatusMethodNotAllowed, "method not allowed")
		p.header.Set("Allow", strings.Join(allowed, ", "))
		return p
	case e.kept.Path == trapPath:
		e.warn(0, RedirectFollowed, "")
	}
	return page(http.StatusNotFound)
}

// checkCredentials answers every wrong credential with the same words, in which blanks around colons occur.
func (e *exchange) checkCredentials() *reply {
	ids, passcodes := e.http.Header.Values(accountHeader), e.http.Header.Values(passcodeHeader)
	region := regionOf(e.kept.Host)
	switch {
	case len(ids) != 1, len(passcodes) != 1, e.account == nil, passcodes[0] == "",
		!slices.Contains(e.account.Passcodes, passcodes[0]), region != "" && region != e.account.Region:
		return jsonReply(http.StatusUnauthorized, `{"status" : "fail", "error" : "credentials refused", "code" : 401}`)
	case e.account.Blocked:
		return errorReply(http.StatusForbidden, "operation not allowed")
	}
	return nil
}

var hostOfRegion = regexp.MustCompile(`^(?:([a-z]{2,5}[0-9]{1,2})\.)?api\.clevertap\.com$`)

// regionOf returns the region that one of CleverTap's hosts serves; the bare host is Europe's. It returns "" for any
// other host, at which every account is served (page common-api-components, November 2026).
func regionOf(host string) string {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	match := hostOfRegion.FindStringSubmatch(name)
	if match == nil {
		return ""
	}
	return cmp.Or(match[1], "eu1")
}

// takeSlot lets only so many requests of an account in at once.
func (e *exchange) takeSlot() *reply {
	at, limit := &e.account.reads, maxReads
	switch e.kept.Path {
	case uploadPath:
		at, limit = &e.account.uploads, e.account.InFlight
	case deletePath:
		at, limit = &e.account.deletes, maxDeletes
	}
	at.highest = max(at.highest, at.now+1)
	if at.now >= limit {
		return errorReply(http.StatusTooManyRequests, "too many requests at once")
	}
	at.now++
	e.taken = at
	return nil
}

var (
	contentType = regexp.MustCompile(`(?i)^application/json(; *charset="?utf-8"?)?$`)
	dryRun      = regexp.MustCompile(`^(dryRun=[01])?$`)
)

// checkHeaders demands JSON of what has a body, uncompressed, and no query but that of a dry run where records come.
func (e *exchange) checkHeaders() *reply {
	types := e.http.Header.Values("Content-Type")
	if e.http.Method == http.MethodGet && len(types) == 0 {
		types = []string{"application/json"} // it has no body
	}
	if len(types) != 1 || !contentType.MatchString(types[0]) || len(e.http.Header.Values("Content-Encoding")) > 0 ||
		e.kept.Path == uploadPath && !dryRun.MatchString(e.kept.Query) || e.kept.Path == deletePath && e.kept.Query != "" {
		return malformed()
	}
	return nil
}

// readBody reads a body within the limit. The rest of a longer one is left unread.
func (e *exchange) readBody() ([]byte, *reply) {
	e.mu.Unlock() // others go on meanwhile
	body, err := io.ReadAll(io.LimitReader(e.http.Body, maxBytes+1))
	e.mu.Lock()
	e.kept.Size = int64(len(body))
	switch {
	case err != nil:
		return nil, &reply{end: reset} // the sender is gone
	case len(body) > maxBytes:
		return nil, page(http.StatusRequestEntityTooLarge)
	}
	return body, nil
}
