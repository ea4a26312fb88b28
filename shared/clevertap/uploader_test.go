package clevertap_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDryRun(t *testing.T) {
	t.Parallel()
	const refused, says401 = "operator credentials 401", `{"status":"fail","code":401}`
	tests := map[string]struct {
		answer func(u *upload) *answer
		want   string
	}{
		"all would be accepted":     {nil, "accepted"},
		"the credentials are wrong": {always(status(401)), refused},
		"a 200 that says so":        {always(respond(200, says401)), refused},
		"the address is wrong":      {always(status(404)), "operator credentials 404"},
		"the account is throttled":  {always(status(429)), "retry rate_limited 429"},
		"CleverTap is down":         {always(status(503)), "retry server 503"},
		"no answer":                 {always(&answer{hangs: true}), "retry timeout"},
		"all of it is refused":      {always(status(400)), "reject clevertap_http_400 400"},
		"a record would be refused": {refusing(map[int]int{1: 513}), "reject clevertap_513 513"},
		"a record may pass later":   {refusing(map[int]int{1: 555}), "retry transient 555"},
		"nobody knows":              {refusing(map[int]int{1: 599}), "retry transient 599"},
		"the answer is too short":   {always(respond(200, `{"status":"success","processed":1}`)), "retry unmatched"},
		"the answer is none":        {always(&answer{status: 200}), "retry unreadable_answer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &cleverTap{answer: test.answer}
				err := uploader(c).DryRun(within(t, time.Minute), account, records(0, 2))
				if got := outcome(err); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
				url := c.uploads[0].request.URL.String()
				if len(c.uploads) != 1 || url != "https://in1.api.clevertap.com/1/upload?dryRun=1" {
					t.Errorf("%d uploads, the first to %s", len(c.uploads), url)
				}
			})
		})
	}
}
