package shared_test

import (
	"context"
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

// usersKeys are those of the fixtures.
type usersKeys struct{}

func (usersKeys) Get(context.Context, string) (standardwebhooks.Keys, error) {
	const key = "whsec_cGFybGEtYmFjay1lbmQta2V5LW5vdC1mb3ItcHJvZHVjdGlvbg=="
	return standardwebhooks.ParseKeys([]byte(`{"signing_secret":"` + key + `"}`))
}

func (k usersKeys) Refresh(ctx context.Context, app string, _ time.Time) (standardwebhooks.Keys, error) {
	return k.Get(ctx, app)
}

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
			cloud.Dynamo.Create("subscribers", subscriber.PartitionAttribute, subscriber.SortAttribute)
			handler := &users.Handler{
				Apps: settings.Apps{Store: settings.Fixed(settings.AppNames{"demo": true})}, Keys: usersKeys{},
				Table: dynamo.NewTable(cloud.Config(), "subscribers", time.Second), Log: slog.New(slog.DiscardHandler),
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
