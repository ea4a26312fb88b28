package events_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// usersKey is what the demo app's own back end signs with. It opens nothing.
const usersKey = "whsec_cGFybGEtYmFjay1lbmQta2V5LW5vdC1mb3ItcHJvZHVjdGlvbg=="

// usersFixture is a request of the back end, and what the endpoint answers.
type usersFixture struct {
	name   string // of the files
	app    string // "" is demo
	forged bool   // signed with another key
	body   string
	status int
	answer string // JSON
}

var usersFixtures = []usersFixture{
	{
		name: "links",
		body: `{"links":[{"anonymous_user_id":"5D0F2C81-7A36-4E9B-B1C4-92E6A8D30F57","clevertap_id":"__g5d0f2c817a36"},` +
			`{"user_id":"learner-31007","clevertap_id":"-h31007","observed_at":"2026-10-30T18:04:00Z"}]}`,
		status: 200, answer: `{"links":2,"suppressed":0,"restored":0}`,
	},
	{
		name: "suppress", body: `{"suppress":[{"user_id":"learner-31008"}]}`,
		status: 200, answer: `{"links":0,"suppressed":1,"restored":0}`,
	},
	{
		name: "restore", body: `{"restore":[{"user_id":"learner-31009","observed_at":"2026-10-30T18:04:00Z"}]}`,
		status: 200, answer: `{"links":0,"suppressed":0,"restored":1}`,
	},
	{
		name: "nothing", body: `{"links":[]}`,
		status: 200, answer: `{"links":0,"suppressed":0,"restored":0}`,
	},
	{
		name:   "wrong-entries",
		body:   `{"links":[{"user_id":"learner-31010","clevertap_id":"not an id"}],"suppress":[{"observed_at":"yesterday"}]}`,
		status: 422, answer: `{"error":"invalid","entries":[
			{"path":"links[0].clevertap_id",
			"problem":"not a CleverTap ID, which has 1 to 64 letters, digits and ( ) ! : @ $ _ -"},
			{"path":"suppress[0]",
			"problem":"neither user_id nor anonymous_user_id; an entry has exactly one of them, as a text"},
			{"path":"suppress[0].observed_at","problem":"not a time of RFC 3339, such as 2026-11-28T09:30:00Z"}]}`,
	},
	{
		name: "wrong-signature", body: `{"suppress":[{"user_id":"learner-31011"}]}`, forged: true,
		status: 401, answer: `{"error":"unauthorized"}`,
	},
	{
		name: "unknown-app", body: `{"suppress":[{"user_id":"learner-31012"}]}`, app: "parla-tv",
		status: 404, answer: `{"error":"unknown_app"}`,
	},
}

// request is signed as Standard Webhooks says, written out here once more as mac is.
func (f usersFixture) request(t *testing.T, at time.Time) request {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(usersKey, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	if f.forged {
		key = []byte("the key of another back end, 32 bytes")
	}
	id, stamp := "made-up-"+f.name, strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "." + stamp + "." + f.body))
	r := newRequest("/users/", cmp.Or(f.app, "demo"), f.body, at)
	r.Headers["webhook-id"], r.Headers["webhook-timestamp"] = id, stamp
	r.Headers["webhook-signature"] = "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	return r
}

func TestUsersRequests(t *testing.T) {
	for i, f := range usersFixtures {
		golden(t, "users-"+f.name+".json", f.request(t, sent(i)))
		golden(t, "users-"+f.name+".want.json", struct {
			Status int            `json:"status"`
			Answer jsontext.Value `json:"answer"`
		}{f.status, jsontext.Value(f.answer)})
	}
}
