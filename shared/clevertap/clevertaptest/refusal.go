package clevertaptest

import (
	"fmt"
	"net/http"
)

// refusal is an error in JSON, with the three keys that CleverTap uses.
func refusal(status int, words string) *reply {
	return jsonReply(status, fmt.Appendf(nil, `{"status":"fail","error":%q,"code":%d}`, words, status))
}

// unreadable is the answer to what is no upload.
func unreadable() *reply { return refusal(http.StatusBadRequest, "body cannot be read") }

// unauthorized is the one answer to all wrong credentials. Blanks around colons and commas occur there.
func unauthorized() *reply {
	return jsonReply(http.StatusUnauthorized, []byte(`{"status" : "fail" , "error" : "credentials refused" , "code" : 401}`))
}

// tooLarge comes from something in front, and closes the connection, since the rest of the body is still on it.
func tooLarge() *reply {
	p := page(http.StatusRequestEntityTooLarge)
	p.last = true
	return p
}

func jsonReply(status int, body []byte) *reply {
	return &reply{status: status, body: body, header: http.Header{"Content-Type": {"application/json;charset=utf-8"}}}
}

// page is an answer in HTML.
func page(status int) *reply {
	body := fmt.Appendf(nil, "<html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>\n", status, http.StatusText(status))
	return &reply{status: status, body: body, header: http.Header{"Content-Type": {"text/html"}}}
}

// strike gives the answer, or the lack of one, of a fault that stops a request before its records.
func (v *visit) strike(r *rule) *reply {
	var p *reply
	switch r.Kind {
	case Hang:
		return &reply{end: hangEnd}
	case Refuse:
		return &reply{end: refusedEnd}
	case ResetBefore:
		p = &reply{end: resetEnd}
	default:
		p = r.answer()
	}
	return v.pausing(p)
}

// answer makes the answer that a status fault asks for.
func (r *rule) answer() *reply {
	var p *reply
	switch r.Body {
	case "html":
		p = page(r.Status)
	case "empty":
		p = jsonReply(r.Status, nil)
	default:
		p = refusal(r.Status, "not this time")
	}
	if r.RetryAfter != "" {
		p.header.Set("Retry-After", r.RetryAfter)
	}
	if r.Status >= 300 && r.Status < 400 {
		p.header.Set("Location", trapPath)
		if r.Location != "" {
			p.header.Set("Location", r.Location)
		}
	}
	return p
}

// hugeBlanks is more than a sender should read: 16 MiB and one.
const hugeBlanks = 16<<20 + 1

// spoil puts a fault of the wire into an answer.
func (p *reply) spoil(kind Kind) {
	switch kind {
	case ResetAfter:
		p.end = resetEnd
	case Half:
		p.end = halfEnd
	case Garbage:
		*p = *page(http.StatusOK)
	case Empty:
		p.body = nil
	case Huge:
		p.blanks = hugeBlanks
	}
}
