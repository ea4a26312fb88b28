package clevertaptest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// recordCases gives each rule for records a record on either side of it. Code 0 is a record that is taken.
func recordCases() map[string]struct {
	record string
	code   int
} {
	top := func(fields string) string { return `{"type":"event",` + fields + `}` }
	named := func(name string) string {
		return top(`"identity":"a","ts":1793620800,"evtName":` + name + `,"evtData":{"event_id":"1"}`)
	}
	data := func(data string) string {
		return top(`"identity":"a","ts":1793620800,"evtName":"X","evtData":{"event_id":"1"` + data + `}`)
	}
	at := func(ts string) string {
		return top(`"identity":"a","ts":` + ts + `,"evtName":"X","evtData":{"event_id":"1"}`)
	}
	by := func(keys string) string {
		return top(keys + `"ts":1793620800,"evtName":"X","evtData":{"event_id":"1"}`)
	}
	charged := func(items string) string {
		return top(`"identity":"a","ts":1793620800,"evtName":"Charged","evtData":{"event_id":"1","Amount":9.90,"Items":` + items + `}`)
	}
	profile := func(data string) string {
		return `{"type":"profile","identity":"a","ts":1793620800,"profileData":{` + data + `}}`
	}
	token := func(data string) string { return `{"type":"token","objectId":"__a","tokenData":` + data + `}` }
	properties := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"p%d":1`, i)
		}
		return b.String()
	}
	text := func(n int) string { return `"` + strings.Repeat("é", n/2) + strings.Repeat("x", n%2) + `"` } // n bytes
	return map[string]struct {
		record string
		code   int
	}{
		"no object":                                    {`"event"`, 524},
		"null alone":                                   {`null`, 524},
		"no type":                                      {`{"identity":"a"}`, 524},
		"a type that is no string":                     {`{"type":1}`, 524},
		"a type in capitals":                           {`{"type":"Event"}`, 524},
		"another type":                                 {`{"type":"page"}`, 524},
		"a type before an unknown key":                 {`{"type":"page","source":"x"}`, 524},
		"an unknown key":                               {by(`"identity":"a","source":"x",`), 512},
		"a key in capitals":                            {by(`"identity":"a","TS":1,`), 512},
		"a key of another type":                        {by(`"identity":"a","profileData":{},`), 512},
		"an unknown key before the identity":           {by(`"source":"x",`), 512},
		"no identity":                                  {by(``), 523},
		"an empty identity":                            {by(`"identity":"",`), 523},
		"a null identity":                              {by(`"identity":null,`), 523},
		"a number as identity":                         {by(`"identity":7,`), 523},
		"two identities":                               {by(`"identity":"a","objectId":"__a",`), 523},
		"two identities, one null":                     {by(`"identity":"a","objectId":null,`), 523},
		"a Facebook id":                                {by(`"FBID":"7",`), 0},
		"a Google id":                                  {by(`"GPID":"7",`), 0},
		"a long identity":                              {by(`"identity":` + text(600) + `,`), 0},
		"an objectId of 67":                            {by(`"objectId":"__h` + strings.Repeat("a", 64) + `",`), 0},
		"an objectId of 68":                            {by(`"objectId":"__h` + strings.Repeat("a", 65) + `",`), 526},
		"an objectId with all its characters":          {by(`"objectId":"-hAZaz09()!:@$_-",`), 0},
		"an objectId with a blank":                     {by(`"objectId":"-h a",`), 526},
		"an objectId with a letter beyond ASCII":       {by(`"objectId":"-hé",`), 526},
		"an objectId before the time":                  {`{"type":"event","objectId":"#","ts":0,"evtName":"X","evtData":{}}`, 526},
		"the first second":                             {at(`1`), 0},
		"zero":                                         {at(`0`), 525},
		"a negative time":                              {at(`-1`), 525},
		"the last second":                              {at(`99999999999`), 0},
		"one more":                                     {at(`100000000000`), 525},
		"milliseconds":                                 {at(`1793620800000`), 525},
		"a time in a string":                           {at(`"1793620800"`), 525},
		"a time with a fraction":                       {at(`1793620800.0`), 525},
		"a time with an exponent":                      {at(`1e9`), 525},
		"a null time":                                  {at(`null`), 525},
		"a true time":                                  {at(`true`), 525},
		"the time before the name":                     {`{"type":"event","identity":"a","ts":0}`, 525},
		"no name":                                      {top(`"identity":"a","ts":1793620800,"evtData":{}`), 509},
		"an empty name":                                {named(`""`), 509},
		"a blank name":                                 {named(`" \t"`), 509},
		"a name that is no string":                     {named(`7`), 509},
		"a name of 512":                                {named(text(512)), 0},
		"a name of 513":                                {named(text(513)), 512},
		"a name with a blank in front":                 {named(`" X"`), 512},
		"a name with a blank behind":                   {named(`"X "`), 512},
		"a reserved name":                              {named(`"App Launched"`), 513},
		"a reserved name in another form":              {named(`"APPLAUNCHED"`), 513},
		"a reserved name of the SDK":                   {named(`"wzrk_d"`), 513},
		"a reserved name of the system":                {named(`"Session  concluded"`), 513},
		"a reserved name of production":                {named(`"webpageviewed"`), 513},
		"a name near a reserved one":                   {named(`"App_Launched"`), 0},
		"Charged without items":                        {top(`"identity":"a","ts":1793620800,"evtName":"Charged","evtData":{"event_id":"1","Amount":1}`), 0},
		"a discarded name":                             {named(`"Old News"`), 528},
		"a discarded name in another form":             {named(`"OLDNEWS"`), 528},
		"a reserved name before the data":              {top(`"identity":"a","ts":1793620800,"evtName":"Stayed"`), 513},
		"no data":                                      {top(`"identity":"a","ts":1793620800,"evtName":"X"`), 512},
		"data that are no object":                      {top(`"identity":"a","ts":1793620800,"evtName":"X","evtData":[]`), 512},
		"data without a key":                           {top(`"identity":"a","ts":1793620800,"evtName":"X","evtData":{}`), 0},
		"a key of 120":                                 {data(`,` + text(120) + `:1`), 0},
		"a key of 121":                                 {data(`,` + text(121) + `:1`), 512},
		"an empty key":                                 {data(`,"":1`), 512},
		"a hash in an event's key":                     {data(`,"a#b":1`), 0},
		"a value of 512":                               {data(`,"a":` + text(512)), 0},
		"a value of 513":                               {data(`,"a":` + text(513)), 512},
		"a value of 512 characters in 1024 bytes":      {data(`,"a":` + text(1024)), 512},
		"a value of 512 bytes in many more of escapes": {data(`,"a":"` + strings.Repeat(`\u0041`, 512) + `"`), 0},
		"an empty value":                               {data(`,"a":""`), 0},
		"a null":                                       {data(`,"a":null`), 512},
		"an array":                                     {data(`,"a":[]`), 512},
		"an object":                                    {data(`,"a":{}`), 512},
		"items outside Charged":                        {data(`,"Items":[{"a":1}]`), 512},
		"a boolean and a fraction":                     {data(`,"a":true,"b":1.5e3`), 0},
		"100 properties":                               {data(properties(99)), 0},
		"101 properties":                               {data(properties(100)), 522},
		"a bad value before too many":                  {data(properties(100) + `,"a":null`), 512},
		"one item":                                     {charged(`[{"a":"b"}]`), 0},
		"no item":                                      {charged(`[]`), 512},
		"items that are no array":                      {charged(`{}`), 512},
		"an item that is no object":                    {charged(`["a"]`), 512},
		"an item that is not flat":                     {charged(`[{"a":{}}]`), 512},
		"an item with a null":                          {charged(`[{"a":null}]`), 512},
		"an item with a bad key":                       {charged(`[{"a.b":1}]`), 512},
		"50 items":                                     {charged(`[{}` + strings.Repeat(`,{}`, 49) + `]`), 0},
		"51 items":                                     {charged(`[{}` + strings.Repeat(`,{}`, 50) + `]`), 522},
		"an item of 101":                               {charged(`[{"a":1` + properties(100) + `}]`), 522},
		"Charged in another spelling has no items":     {strings.Replace(charged(`[{"a":1}]`), "Charged", "charged", 1), 512},
		"a profile":                                    {profile(`"plan":"gold"`), 0},
		"a profile without data":                       {`{"type":"profile","identity":"a","ts":1793620800}`, 512},
		"profile data that are no object":              {`{"type":"profile","identity":"a","ts":1793620800,"profileData":"x"}`, 512},
		"a profile without a key":                      {profile(``), 0},
		"a hash in a profile's key":                    {profile(`"a#b":1`), 512},
		"a null in a profile":                          {profile(`"a":null`), 512},
		"an array in a profile":                        {profile(`"a":["b"]`), 512},
		"an operator":                                  {profile(`"a":{"$add":["b"]}`), 512},
		"a profile of 100":                             {profile(`"a":1` + properties(99)), 0},
		"a profile of 101":                             {profile(`"a":1` + properties(100)), 522},
		"Gender":                                       {profile(`"Gender":"M"`), 0},
		"Gender in a word":                             {profile(`"Gender":"male"`), 514},
		"Gender in another spelling":                   {profile(`"gender":"male"`), 514},
		"Email":                                        {profile(`"Email":"a.b+c@d.example"`), 0},
		"Email without a domain":                       {profile(`"Email":"a@b"`), 515},
		"Email without an at sign":                     {profile(`"Email":"a"`), 515},
		"Email with two":                               {profile(`"Email":"a@b@c.example"`), 515},
		"Email with an empty label":                    {profile(`"Email":"a@b..example"`), 515},
		"Email with a blank":                           {profile(`"Email":"a b@c.example"`), 515},
		"Phone of 8":                                   {profile(`"Phone":"+12345678"`), 0},
		"Phone of 7":                                   {profile(`"Phone":"+1234567"`), 516},
		"Phone of 15":                                  {profile(`"Phone":"+123456789012345"`), 0},
		"Phone of 16":                                  {profile(`"Phone":"+1234567890123456"`), 516},
		"Phone without a plus":                         {profile(`"Phone":"12345678"`), 516},
		"Phone with two":                               {profile(`"Phone":"++12345678"`), 516},
		"Phone as a number":                            {profile(`"Phone":12345678`), 516},
		"Employed":                                     {profile(`"Employed":"Y"`), 0},
		"Employed as a boolean":                        {profile(`"Employed":true`), 517},
		"Education":                                    {profile(`"Education":"College"`), 0},
		"Education in other words":                     {profile(`"Education":"university"`), 518},
		"Married":                                      {profile(`"Married":"N"`), 0},
		"Married in a word":                            {profile(`"Married":"no"`), 519},
		"Age":                                          {profile(`"Age":18`), 0},
		"Age in a string":                              {profile(`"Age":"18"`), 0},
		"Age in letters":                               {profile(`"Age":"eighteen"`), 520},
		"Age below zero":                               {profile(`"Age":-1`), 520},
		"the first bad field by its code":              {profile(`"Age":"x","Gender":"x"`), 514},
		"DOB":                                          {profile(`"DOB":"$D_-86400"`), 0},
		"DOB as text":                                  {profile(`"DOB":"1999-01-01"`), 512},
		"an opt-out":                                   {profile(`"MSG-email":false`), 0},
		"an opt-out as text":                           {profile(`"MSG-email":"false"`), 512},
		"an opt-out in another spelling":               {profile(`"msg-push":0`), 512},
		"a token":                                      {token(`{"id":"t","type":"fcm"}`), 0},
		"a token without an objectId":                  {`{"type":"token","tokenData":{"id":"t","type":"fcm"}}`, 530},
		"a token by identity":                          {`{"type":"token","identity":"a","tokenData":{"id":"t","type":"fcm"}}`, 530},
		"a token with a bad objectId":                  {`{"type":"token","objectId":"#","tokenData":{"id":"t","type":"fcm"}}`, 530},
		"a token without data":                         {`{"type":"token","objectId":"__a"}`, 531},
		"token data that are no object":                {token(`[]`), 531},
		"a token without an id":                        {token(`{"type":"fcm"}`), 532},
		"a token without a type":                       {token(`{"id":"t"}`), 533},
		"a token of another type":                      {token(`{"id":"t","type":"sms"}`), 534},
		"a token with another key":                     {token(`{"id":"t","type":"apns","x":1}`), 535},
		"a token with a time":                          {`{"type":"token","objectId":"__a","ts":1,"tokenData":{"id":"t","type":"fcm"}}`, 512},
	}
}

func TestRecords(t *testing.T) {
	cases := recordCases()
	for _, forbidden := range []string{"%", ">", "<", "!", "|", "&", ".", ":", ";", "$", "'", `\"`, `\\`} {
		cases["a key with "+forbidden] = struct {
			record string
			code   int
		}{event(1, `,"a`+forbidden+`b":1`), 512}
		cases["a name with "+forbidden] = struct {
			record string
			code   int
		}{strings.Replace(event(1, ""), "TRIAL_STARTED", "a"+forbidden+"b", 1), 512}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := serverOf(withAccount(func(a *clevertaptest.Account) { a.Discarded = []string{"old news"} }))
			// The good records on either side must go in whatever happens to the one between.
			got := post(t, s, list(event(101, ""), c.record, event(102, ""))).read(t)
			if c.code == 0 {
				if got.Status != "success" || got.processed() != 3 || len(s.Records(account)) != 3 {
					t.Fatalf("%+v, want it taken", got)
				}
				if raw := s.Records(account)[1].Raw; string(raw) != c.record {
					t.Errorf("stored %s", raw)
				}
				return
			}
			if got.Status != "partial" || got.processed() != 2 || len(got.Unprocessed) != 1 || len(s.Records(account)) != 2 {
				t.Fatalf("%+v, want one refused", got)
			}
			if e := got.Unprocessed[0]; e.code() != c.code || e.position() != 2 || e.Status != "fail" {
				t.Errorf("%s %s, want code %d", e.Code, e.Error, c.code)
			}
			if got := s.Refusals(account); got[c.code] != 1 || len(got) != 1 {
				t.Errorf("refusals %v", got)
			}
		})
	}
}

func TestOperatorsPassWhereAllowed(t *testing.T) {
	s := serverOf(withAccount(func(a *clevertaptest.Account) { a.Operators = true }))
	const good = `{"type":"profile","identity":"a","ts":1793620800,"profileData":{"a":{"$add":["b"]}}}`
	got := post(t, s, list(good, strings.Replace(good, "$add", "$push", 1), strings.Replace(good, `{"$add":["b"]}`, `{}`, 1))).read(t)
	if got.processed() != 1 || len(got.Unprocessed) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestPropertyLimitIsTheAccounts(t *testing.T) {
	s := serverOf(withAccount(func(a *clevertaptest.Account) { a.Limits.Properties = 2 }))
	got := post(t, s, list(event(1, `,"a":1`), event(2, `,"a":1,"b":1`))).read(t)
	if got.processed() != 1 || got.Unprocessed[0].code() != 522 {
		t.Errorf("%+v", got)
	}
}
