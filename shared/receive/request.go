package receive

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// lenient accepts whatever API Gateway may write: it is not for us to judge its events.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// request is the part of an HTTP API event in payload format 2.0 that is used here. The context is what API
// Gateway itself knows of the request.
type request struct {
	Path       string `json:"rawPath"`
	Parameters struct {
		App string `json:"app"`
	} `json:"pathParameters"`
	Headers map[string]jsontext.Value `json:"headers"`
	Context jsontext.Value            `json:"requestContext"`
	Body    jsontext.Value            `json:"body"`
	Base64  bool                      `json:"isBase64Encoded"`
}

func readRequest(payload []byte) (request, error) {
	var r request
	err := json.Unmarshal(payload, &r, lenient)
	return r, err
}

// app returns the name of the app in the path, "" if there is none.
func (r request) app() string {
	if r.Parameters.App != "" {
		return r.Parameters.App
	}
	_, app, _ := strings.Cut(r.Path, "/purchasely/")
	return app
}

// body returns the bytes that were sent, if there are at most limit. Base64 text that is too long is refused
// before it is decoded; what is not base64 cannot have been signed.
func (r request) body(limit int) ([]byte, error) {
	text := unquote(r.Body)
	size := len(text)
	if r.Base64 {
		size = base64.StdEncoding.DecodedLen(size) - (size - len(bytes.TrimRight(text, "=")))
	}
	if size > limit {
		return nil, fault.New(fault.Reject, fault.TooLarge, nil)
	}
	if !r.Base64 {
		return text, nil
	}
	body, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, fault.New(fault.Reject, fault.BadSignature, nil)
	}
	return body, nil
}

// header returns the value of a header, whatever the letter case of its name; "" if it was sent twice, in which
// case API Gateway joins the values with a comma.
func (r request) header(name string) (value string) {
	count := 0
	for sent, text := range r.Headers {
		if strings.EqualFold(sent, name) {
			value = string(unquote(text))
			count++
		}
	}
	if count != 1 || strings.Contains(value, ",") {
		return ""
	}
	return value
}

// unquote returns the text of a JSON string, nil for any other value. The JSON package replaces bytes that are
// not UTF-8; here they stay, because a signature covers the bytes that were sent.
func unquote(value jsontext.Value) []byte {
	if value.Kind() != jsontext.KindString {
		return nil
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err == nil {
		return text
	}
	text = text[:0]
	for rest := value[1 : len(value)-1]; len(rest) > 0; {
		plain, _, _ := bytes.Cut(rest, []byte{'\\'})
		text, rest = append(text, plain...), rest[len(plain):]
		escapes := 0 // bytes of escapes in a row, which are read together: two may be one character
		for escapes < len(rest) && rest[escapes] == '\\' {
			if escapes++; rest[escapes] == 'u' {
				escapes += 4
			}
			escapes++
		}
		text, _ = jsontext.AppendUnquote(text, `"`+string(rest[:escapes])+`"`) // Half a surrogate pair is U+FFFD.
		rest = rest[escapes:]
	}
	return text
}

// Sources are the addresses that webhooks may come from.
type Sources []netip.Prefix

// allow reports whether a request comes from one of the sources. Only the address that API Gateway has seen
// counts, not what the sender writes into headers.
func (s Sources) allow(r request) bool {
	if len(s) == 0 {
		return true
	}
	var context struct {
		HTTP struct {
			SourceIP netip.Addr `json:"sourceIp"`
		} `json:"http"`
	}
	if err := json.Unmarshal(r.Context, &context, lenient); err != nil {
		return false
	}
	address := context.HTTP.SourceIP.Unmap()
	return slices.ContainsFunc(s, func(p netip.Prefix) bool { return p.Contains(address) })
}
