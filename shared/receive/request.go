package receive

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

var errHeaders = errors.New("headers are not an object")

// lenient accepts whatever API Gateway may write: it is not for us to judge its events.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// request is the part of an HTTP API event in payload format 2.0 that is used here. The context is what API
// Gateway itself knows of the request.
type request struct {
	Path       string `json:"rawPath"`
	Parameters struct {
		App string `json:"app"`
	} `json:"pathParameters"`
	Headers headers        `json:"headers"`
	Context jsontext.Value `json:"requestContext"`
	Body    jsontext.Value `json:"body"`
	Base64  bool           `json:"isBase64Encoded"`
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

// headers are the two headers that count. X-PURCHASELY-SIGNATURE is deprecated and does not cover the body.
type headers struct{ timestamp, signature header }

// header is the values of a header that must be there once.
type header []string

// single returns the header's value, and "" if it was sent twice: API Gateway joins such values with a comma.
func (h header) single() string {
	if len(h) != 1 || strings.Contains(h[0], ",") {
		return ""
	}
	return h[0]
}

// UnmarshalJSONFrom keeps the values of the two headers byte for byte, whatever the letter case of their names.
func (h *headers) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch opening, err := d.ReadToken(); {
	case err != nil || opening.Kind() == jsontext.KindNull:
		return err
	case opening.Kind() != jsontext.KindBeginObject:
		return errHeaders
	}
	for {
		token, err := d.ReadToken()
		if err != nil || token.Kind() == jsontext.KindEndObject {
			return err
		}
		name := token.String()
		value, err := d.ReadValue()
		switch {
		case err != nil:
			return err
		case strings.EqualFold(name, "x-purchasely-timestamp"):
			h.timestamp = append(h.timestamp, string(unquote(value)))
		case strings.EqualFold(name, "x-purchasely-request-signature"):
			h.signature = append(h.signature, string(unquote(value)))
		}
	}
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
