package users_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/users"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func TestWhatIsWrongIsSaidWhereItIs(t *testing.T) {
	const (
		link  = `"clevertap_id":"__x"`
		noID  = "links[0].clevertap_id: not a CleverTap ID"
		noKey = "unknown key; links, suppress and restore"
	)
	entry := func(text string) string { return `{"links":[{` + text + `}]}` }
	linked := func(id string) string { return entry(`"user_id":"a","clevertap_id":"` + id + `"`) }
	at := func(value string) string { return entry(link + `,"user_id":"a","observed_at":` + value) }
	for name, c := range map[string]struct {
		body string
		want string // path: the beginning of the problem; several are separated by a line end
	}{
		"nothing":                       {``, `: not JSON`},
		"not JSON":                      {`links`, `: not JSON`},
		"cut off":                       {`{"links":[{"user_id":"a"`, `links[0]: not JSON`},
		"null":                          {`null`, `: not a JSON object`},
		"invalid UTF-8":                 {"{\"links\":[{\"user_id\":\"\xff\"}]}", `links[0].user_id: not JSON in UTF-8`},
		"an unknown key":                {`{"link":[]}`, "link: " + noKey},
		"an unknown key that is no key": {`{"p-1":[]}`, ": " + noKey},
		"a key twice":                   {`{"links":[],"links":[]}`, `links: the key occurs twice`},
		"a key twice in an entry":       {entry(link + "," + link), `links[0].clevertap_id: the key occurs twice`},
		"a text for an entry":           {`{"suppress":["a"]}`, `suppress[0]: not an object`},
		"no id":                         {entry(link), `links[0]: neither user_id nor anonymous_user_id`},
		"both ids":                      {entry(`"user_id":"a","anonymous_user_id":"b",` + link), `links[0]: both`},
		"an id of blanks": {
			entry(`"anonymous_user_id":" \u200b",` + link), `links[0].anonymous_user_id: nobody's id`,
		},
		"a word for nothing":              {entry(`"user_id":"undefined",` + link), `links[0].user_id: nobody's id`},
		"a number for an id":              {entry(`"user_id":7,` + link), "links[0].user_id: not a text\nlinks[0]: neither"},
		"no CleverTap ID":                 {entry(`"user_id":"a"`), `links[0].clevertap_id: missing`},
		"a CleverTap ID with an accent":   {linked("é"), noID},
		"a word for a CleverTap ID":       {linked("null"), noID},
		"a CleverTap ID that is too long": {linked(strings.Repeat("x", 65)), noID},
		"a CleverTap ID to suppress": {
			`{"suppress":[{"user_id":"a",` + link + `}]}`, `suppress[0].clevertap_id: unknown key`,
		},
		"a misspelt key":        {entry(`"userId":"a",` + link), "links[0].userId: unknown key\nlinks[0]: neither"},
		"a time without a zone": {at(`"2026-11-28T09:30:00"`), `links[0].observed_at: not a time`},
		"a number for a time":   {at(`1795858200`), `links[0].observed_at: not a text`},
		"the year 1":            {at(`"0001-01-01T00:00:00Z"`), `links[0].observed_at: before 1970`},
		"a person who is both": {
			`{"suppress":[{"user_id":"b"},{"user_id":"a"}],"restore":[{"user_id":"a","observed_at":"2026-01-01T00:00:00Z"}]}`,
			`restore[0]: the same person is in suppress`,
		},
		"every entry's problem": {
			`{"restore":[7],"suppress":[{"user_id":"a"},{}],"links":[{"user_id":"a"},{"user_id":"b",` + link + `},[]]}`,
			"links[0].clevertap_id: missing\nlinks[2]: not an object\nsuppress[1]: neither\nrestore[0]: not an object",
		},
		"more than 500 entries": {
			`{"links":[` + strings.Repeat("7,", 250) + `7],"restore":[` + strings.Repeat("7,", 249) + `7]}`,
			`: more than 500 entries`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			updates, problems := users.Read([]byte(c.body), noon)
			wants := strings.Split(c.want, "\n")
			if len(updates) != 0 || len(problems) != len(wants) {
				t.Fatalf("%d updates, problems %v", len(updates), problems)
			}
			for i, want := range wants {
				if got := problems[i].Path + ": " + problems[i].Text; !strings.HasPrefix(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
}

func TestWhatIsRightIsRead(t *testing.T) {
	user := func(id string) webhook.Subscriber { return webhook.Subscriber{Kind: webhook.ByUser, ID: id} }
	anonymous := webhook.Subscriber{Kind: webhook.ByAnonymous, ID: "A-1"}
	for name, c := range map[string]struct {
		body string
		want []users.Update
	}{
		"links, suppressions and restorations, in this order": {
			`{"restore":[{"user_id":"c"}],"suppress":[{"user_id":"b"}],"links":[{"user_id":"a","clevertap_id":"__x"}]}`,
			[]users.Update{
				{users.Link, user("a"), "__x", noon}, {users.Suppress, user("b"), "", noon}, {users.Restore, user("c"), "", noon},
			},
		},
		"every character of a CleverTap ID": {`{"links":[{"anonymous_user_id":"A-1","clevertap_id":"aZ09()!:@$_-"}]}`,
			[]users.Update{{users.Link, anonymous, "aZ09()!:@$_-", noon}}},
		"an id as it stands": {`{"suppress":[{"user_id":" Ros\u00e9e\ud83d\ude00 "}]}`,
			[]users.Update{{users.Suppress, user(" Rosée😀 "), "", noon}}},
		"a person with two links": {`{"links":[{"user_id":"a","clevertap_id":"x"},{"user_id":"a","clevertap_id":"y"}]}`,
			[]users.Update{{users.Link, user("a"), "x", noon}, {users.Link, user("a"), "y", noon}}},
		"one id of two kinds": {`{"suppress":[{"user_id":"A-1"}],"restore":[{"anonymous_user_id":"A-1"}]}`,
			[]users.Update{{users.Suppress, user("A-1"), "", noon}, {users.Restore, anonymous, "", noon}}},
		"a time of another zone": {`{"suppress":[{"user_id":"a","observed_at":"2026-11-28T09:30:00.5+02:00"}]}`,
			[]users.Update{{users.Suppress, user("a"), "", time.Date(2026, 11, 28, 7, 30, 0, 500e6, time.UTC)}}},
		"a time to come": {`{"suppress":[{"user_id":"a","observed_at":"2026-11-28T12:00:01Z"}]}`,
			[]users.Update{{users.Suppress, user("a"), "", noon}}},
	} {
		t.Run(name, func(t *testing.T) {
			updates, problems := users.Read([]byte(c.body), noon)
			if diff := cmp.Diff(c.want, updates); diff != "" || len(problems) > 0 {
				t.Errorf("problems %v, %s", problems, diff)
			}
		})
	}
	body := `{"links":[` + strings.Repeat(`{"user_id":"a","clevertap_id":"x"},`, 499) +
		`{"user_id":"b","clevertap_id":"y"}]}`
	if updates, problems := users.Read([]byte(body), noon); len(updates) != 500 || len(problems) > 0 {
		t.Errorf("%d updates of 500 entries, problems %v", len(updates), problems)
	}
}

func TestTheProblemsOfAHostileBodyAreFew(t *testing.T) {
	var members []string
	for i := range 20_000 {
		members = append(members, fmt.Sprintf(`"%c%c%c":1`, 'a'+i%26, 'a'+i/26%26, 'a'+i/676))
	}
	body := `{"links":[{` + strings.Join(members[:17_000], ",") + `}]}`
	if _, problems := users.Read([]byte(body), noon); len(problems) != 500 {
		t.Errorf("%d problems, first %v", len(problems), problems[0])
	}
	for _, deep := range []string{strings.Repeat("[", 1<<17), strings.Repeat(`{"links":`, 1<<14)} {
		if _, problems := users.Read([]byte(deep), noon); len(problems) != 1 || len(problems[0].Path) > 20 {
			t.Errorf("%d problems", len(problems))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "{}", one, `{"links":[{"anonymous_user_id":"A","clevertap_id":"x","observed_at":"2026-11-28T09:30:00Z"}]}`,
		`{"suppress":[{"user_id":"secret-person"}],"restore":[{"user_id":"secret-person"}]}`, `{"secret-person":{"a":[1]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		updates, problems := users.Read(body, noon)
		if len(updates) > 0 && len(problems) > 0 || len(updates) > users.MaxEntries || len(problems) > 500 {
			t.Fatalf("%d updates, %d problems", len(updates), len(problems))
		}
		for _, u := range updates {
			linked := users.IsCleverTapID(u.CleverTapID)
			if webhook.Absent(u.Person.ID) || u.At.After(noon) || u.At.IsZero() || linked != (u.Action == users.Link) {
				t.Fatalf("%+v was read", u)
			}
		}
		for _, p := range problems {
			if strings.Contains(p.Path+p.Text, "secret-person") {
				t.Fatalf("%+v quotes the request", p)
			}
		}
	})
}
