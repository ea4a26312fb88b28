package events_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/users"
)

// usersKey is what the demo app's own back end signs with. It opens nothing.
const usersKey = "whsec_cGFybGEtYmFjay1lbmQta2V5LW5vdC1mb3ItcHJvZHVjdGlvbg=="

// usersFixture is a request of the back end.
type usersFixture struct {
	name   string // of the files
	app    string // "" is demo
	forged bool   // signed with another key
	body   string
}

var usersFixtures = []usersFixture{
	{
		name: "links",
		body: `{"links":[{"anonymous_user_id":"5D0F2C81-7A36-4E9B-B1C4-92E6A8D30F57","clevertap_id":"__g5d0f2c817a36"},` +
			`{"user_id":"learner-31007","clevertap_id":"-h31007","observed_at":"2026-10-30T18:04:00Z"}]}`,
	},
	{
		name: "suppress", body: `{"suppress":[{"user_id":"learner-31008"}]}`,
	},
	{
		name: "restore", body: `{"restore":[{"user_id":"learner-31009","observed_at":"2026-10-30T18:04:00Z"}]}`,
	},
	{
		name: "nothing", body: `{"links":[]}`,
	},
	{
		name: "wrong-entries",
		body: `{"links":[{"user_id":"learner-31010","clevertap_id":"not an id"}],"suppress":[{"observed_at":"yesterday"}]}`,
	},
	{
		name: "wrong-signature", body: `{"suppress":[{"user_id":"learner-31011"}]}`, forged: true,
	},
	{
		name: "unknown-app", body: `{"suppress":[{"user_id":"learner-31012"}]}`, app: "parla-tv",
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

// Each request is answered at the time at which it was signed.
func TestUsersRequests(t *testing.T) {
	for i, f := range usersFixtures {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(sent(i)))
			request := f.request(t, sent(i))
			golden(t, "users-"+f.name+".json", request)
			cloud := awstest.NewInProcess(nil)
			cloud.Secrets.Put("demo/users", `{"signing_secret":"`+usersKey+`"}`)
			cloud.Dynamo.Create("subscribers", subscriber.PartitionAttribute, subscriber.SortAttribute)
			var w struct {
				Status int            `json:"status"`
				Answer jsontext.Value `json:"answer"`
			}
			w.Status, w.Answer = answerOf(t, &users.Handler{
				Apps: settings.Apps{Store: settings.Fixed(settings.AppNames{"demo": true})},
				Keys: secrets(cloud, "users", standardwebhooks.ParseKeys), Log: slog.New(slog.DiscardHandler),
				Table: dynamo.NewTable(cloud.Config(), "subscribers", time.Second),
			}, request)
			golden(t, "users-"+f.name+".want.json", w)
		})
	}
}
