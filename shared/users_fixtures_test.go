package shared_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	"github.com/purchasely-clevertap/bridge/shared/aws/dynamo"
	"github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
	"github.com/purchasely-clevertap/bridge/shared/users"
)

// usersSecret is that of the fixtures.
const usersSecret = `{"signing_secret":"whsec_cGFybGEtYmFjay1lbmQta2V5LW5vdC1mb3ItcHJvZHVjdGlvbg=="}`

// Each request is answered at the time at which it was signed.
func TestEveryRequestAboutUsersIsAnsweredAsItsFixtureSays(t *testing.T) {
	fixtures(t, "users-*", func(t *testing.T, _ string, request []byte, want func(any)) {
		var wanted struct {
			Status int            `json:"status"`
			Answer jsontext.Value `json:"answer"`
		}
		want(&wanted)
		var sent struct {
			Context struct {
				Milliseconds int64 `json:"timeEpoch"`
			} `json:"requestContext"`
		}
		if err := json.Unmarshal(request, &sent); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.UnixMilli(sent.Context.Milliseconds)))
			cloud := awstest.NewInProcess(nil)
			cloud.Secrets.Put("demo/users", usersSecret)
			cloud.Dynamo.Create("subscribers", subscriber.PartitionAttribute, subscriber.SortAttribute)
			handler := &users.Handler{
				Apps: settings.Apps{Store: settings.Fixed(settings.AppNames{"demo": true})},
				Keys: secrets(cloud, "users", standardwebhooks.ParseKeys), Log: slog.New(slog.DiscardHandler),
				Table: dynamo.NewTable(cloud.Config(), "subscribers", time.Second),
			}
			reply, err := handler.Invoke(t.Context(), request)
			var answer struct {
				Status int    `json:"statusCode"`
				Body   string `json:"body"`
			}
			if err != nil || json.Unmarshal(reply, &answer) != nil {
				t.Fatalf("answered %s, %v", reply, err)
			}
			if err := wanted.Answer.Compact(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(wanted.Answer), answer.Body); diff != "" || answer.Status != wanted.Status {
				t.Errorf("status %d, want %d: %s", answer.Status, wanted.Status, diff)
			}
		})
	})
}
