package console

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
)

// guard lets in who has the address that was printed, and nobody else. Pages of other sites can send requests to a port
// of this machine, by forms, scripts and names that lead here (DNS rebinding): it refuses them all.
type guard struct {
	hosts          []string
	token, session string
	cookie         string
}

func newGuard(port int) *guard {
	return &guard{
		hosts: []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("localhost:%d", port)},
		token: rand.Text(), session: rand.Text(),
		cookie: fmt.Sprintf("bridge-console-%d", port), // cookies do not tell ports apart
	}
}

// address is what opens the console.
func (g *guard) address() string {
	return "http://" + g.hosts[0] + "/?token=" + g.token
}

// policy allows what the console serves itself, and no code or style inside of pages.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (g *guard) protect(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !slices.Contains(g.hosts, r.Host):
			refuse(w, http.StatusMisdirectedRequest, "This is not an address of the console.")
		case isForeign(r):
			refuse(w, http.StatusForbidden, "A page of another site has asked for this.")
		case r.Method == http.MethodGet && r.URL.Query().Has("token"):
			g.admit(w, r)
		case !g.admitted(r):
			refuse(w, http.StatusForbidden, "Open the address that bridge console has printed.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isForeign reports whether another site asks for something that is not a page of its own: a picture, a script or a
// frame. A link from anywhere may lead here.
func isForeign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Method == http.MethodGet && (site == "cross-site" || site == "same-site") &&
		r.Header.Get("Sec-Fetch-Dest") != "document"
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

// admit exchanges the token of the address for a cookie that no other site can send.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !same(query.Get("token"), g.token) {
		refuse(w, http.StatusForbidden, "This address is not of the console that runs now: open the one that it has printed.")
		return
	}
	query.Del("token")
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // there is no TLS on loopback
		Name: g.cookie, Value: g.session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	to := url.URL{Path: path.Clean("/" + r.URL.Path), RawQuery: query.Encode()} // no address of another host
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

func (g *guard) admitted(r *http.Request) bool {
	cookie, err := r.Cookie(g.cookie)
	return err == nil && same(cookie.Value, g.session)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
