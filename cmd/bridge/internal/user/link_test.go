package user

import (
	"fmt"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
	store "github.com/purchasely-clevertap/bridge/shared/settings"
	"github.com/purchasely-clevertap/bridge/shared/subscriber"
)

// personOf is what is stored of a person of the demo app, in short: link, its time, suppression, restoration.
func personOf(c *clitest.Cloud, partition string) string {
	item := c.Table.Item(partition, "person#demo")
	var parts []string
	for _, name := range subscriber.PersonAttributes {
		parts = append(parts, item[name].Text())
	}
	return strings.Join(parts, " ")
}

// linkedPerson is a person who was linked, suppressed and restored in October.
var linkedPerson = awstest.Item{
	"clevertap_id": awstest.S("__old"), "observed_at": awstest.S("2026-10-01T00:00:00.000Z"),
	"suppressed_at": awstest.S("2026-10-02T00:00:00.000Z"), "restored_at": awstest.S("2026-10-03T00:00:00.000Z"),
}

func TestOneUserIsLinkedSuppressedAndRestored(t *testing.T) {
	const (
		now     = "2026-11-23T10:00:00.000Z"
		old     = "__old 2026-10-01T00:00:00.000Z"
		silence = "2026-10-02T00:00:00.000Z 2026-10-03T00:00:00.000Z"
		before  = old + " " + silence
		newLink = "__new " + now + " " + silence
	)
	for name, c := range map[string]struct {
		args string
		in   string
		code int
		out  string
		want string
	}{
		"linked": {"link --clevertap-id __new", "y\n", cli.OK, "1 user linked, 0 unchanged, 0 not stored\n", newLink},
		"for programs": {"link --clevertap-id __new --yes --json", "", cli.OK,
			`{"app":"demo","users":1,"changed":1,"known":0}` + "\n", newLink},
		"linked to the same": {"link --clevertap-id __old --yes", "", cli.OK, "0 users linked, 1 unchanged", before},
		"linked by something older": {"link --clevertap-id __new --observed-at 2026-09-01T00:00:00Z --yes", "", cli.OK,
			"0 users linked, 1 unchanged", before},
		"suppressed":          {"suppress --yes", "", cli.OK, "1 user suppressed", old + " " + now + " " + silence[25:]},
		"restored already":    {"restore --yes", "", cli.OK, "0 users restored, 1 unchanged", before},
		"an anonymous one":    {"suppress --yes --anonymous learner-1", "", cli.OK, "1 user suppressed", before},
		"not without a yes":   {"suppress", "n\n", cli.Finding, "", before},
		"nor to another app":  {"suppress --yes --app dmeo", "", cli.Usage, "", before},
		"nor with odd ids":    {"link --clevertap-id a,b --yes", "", cli.Usage, "", before},
		"nor with an odd day": {"suppress --yes --observed-at today", "", cli.Usage, "", before},
		"nor with a file too": {"suppress --yes --file users.csv", "", cli.Usage, "", before},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			put(cloud, learner, "person#demo", linkedPerson)
			args := c.args
			if !strings.Contains(args, "--app") {
				args += " --app demo"
			}
			if !strings.Contains(args, "--anonymous") {
				args += " --user learner-1"
			}
			got := run(t, cloud, c.in, args+" --stack "+clitest.Stack)
			if !got.Has(c.code, c.out, "") || personOf(cloud, learner) != c.want {
				t.Errorf("got %+v, stored %s, want %s", got, personOf(cloud, learner), c.want)
			}
			if id := subscriber.Partition("anonymous", "learner-1"); strings.Contains(c.args, "--anonymous") &&
				personOf(cloud, id) != "  "+now+" " {
				t.Errorf("stored %q", personOf(cloud, id))
			}
		})
	}
}

func TestThePreviewSaysWhatALinkIsFor(t *testing.T) {
	for mode, want := range map[string]string{
		"anonymous": "Those of users with a user_id are not used", "never": "They are not used",
		"always": "Store 1 link of demo",
	} {
		clitest.Subtest(t, mode, func(t *testing.T, c *clitest.Cloud) {
			file := clitest.File(t, "apps.yaml", "apps: {demo: {clevertap_id: "+mode+"}}")
			got := run(t, c, "n\n", "link --stack "+clitest.Stack+" --user learner-1 --clevertap-id __x --integrations "+file)
			if !got.Has(cli.Finding, "", want) || strings.Contains(got.Errs, "not used") != (mode != "always") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAFileOfUsersIsStoredAndGoesOnWhereItStopped(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		text := "\ufeffuser_id;clevertap_id\r\n"
		for i := range 250 {
			text += fmt.Sprintf("learner-%d;-h%d\r\n", i, i)
		}
		file := clitest.File(t, "users.csv", text)
		link := "link --stack " + clitest.Stack + " --app demo --yes --file " + file
		c.Dynamo.Before(func(operation string) {
			if operation == "BatchGetItem" && c.Dynamo.Calls(operation) == 2 {
				c.Dynamo.Inject(awstest.Fault{Status: 400, Code: "ThrottlingException"})
			}
		})
		got := run(t, c, "", link)
		got.Want(t, cli.Finding, "100 users linked, 0 unchanged, 150 not stored", "the same command goes on")
		c.Dynamo.Before(nil)
		c.Dynamo.Inject()
		got = run(t, c, "", link)
		if !got.Has(cli.OK, "150 users linked, 100 unchanged, 0 not stored", "") || len(c.Table.Keys()) != 250 {
			t.Errorf("got %+v, %d items", got, len(c.Table.Keys()))
		}
		lines := `{"user_id":"learner-1"}` + "\n" + `{"user_id":"learner-2","observed_at":"2026-11-20T00:00:00Z"}` + "\n" +
			`{"user_id":"null","anonymous_user_id":"A-1"}`
		got = run(t, c, lines, "suppress --stack "+clitest.Stack+" --app demo --yes --json --file -")
		got.Want(t, cli.OK, `{"app":"demo","users":3,"changed":3,"known":0}`, "")
		if words := strings.Fields(personOf(c, learner)); len(words) != 3 || words[0] != "-h1" ||
			!strings.HasPrefix(personOf(c, anonymous), "  2026-11-23") {
			t.Errorf("stored %s and %s", words, personOf(c, anonymous))
		}
	})
}

func TestAFaultyFileOfUsersChangesNothing(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no user":               {"user_id,clevertap_id\n,x\n", "line 2: neither user_id nor anonymous_user_id"},
		"both ids":              {"user_id,anonymous_user_id,clevertap_id\na,b,x\n", "line 2: both"},
		"a faulty CleverTap ID": {"user_id,clevertap_id\na,x y\n", "line 2: clevertap_id is no CleverTap ID"},
		"a faulty time":         {"user_id,clevertap_id,observed_at\na,x,2026-11-20\n", "line 2: observed_at"},
		"another encoding":      {"user_id,clevertap_id\n\xe9,x\n", "line 2: not UTF-8"},
		"a right line and a faulty": {"user_id,clevertap_id\nlearner-1,x\nlearner-2,\n",
			"line 3: clevertap_id is no CleverTap ID"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			got := run(t, cloud, "", "link --stack "+clitest.Stack+" --app demo --yes --file "+clitest.File(t, "users", c.text))
			if !got.Has(cli.Finding, "", c.want) || len(cloud.Table.Keys()) > 0 || got.Out != "" {
				t.Errorf("got %+v, want %q", got, c.want)
			}
		})
	}
}

func TestAPersonThatCannotBeReadIsSaid(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		put(c, learner, "person#demo", awstest.Item{"suppressed_at": awstest.S("no time")})
		got := run(t, c, "", "suppress --stack "+clitest.Stack+" --app demo --user learner-1 --yes")
		got.Want(t, cli.Finding, "0 users suppressed, 0 unchanged, 1 not stored",
			"person item cannot be read\nhint: something else than the bridge has written it")
	})
}

// The settings of the stack count, unless a file is named: an app may be in its bucket alone.
func TestTheAppsAreThoseOfTheStacksSettings(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		suppress := "suppress --stack " + clitest.Stack + " --app fresh --user learner-1 --yes"
		run(t, c, "", suppress).Want(t, cli.Usage, "", `app "fresh" is not in the integration file`)
		c.S3.Put(clitest.Bucket, store.Key, []byte("apps: {fresh: {}}"))
		run(t, c, "", suppress).Want(t, cli.OK, "1 user suppressed", "settings in force: ")
		named := suppress + " --integrations " + clitest.File(t, "apps.yaml", "apps: {demo: {}}")
		run(t, c, "", named).Want(t, cli.Usage, "", `app "fresh" is not`)
		c.S3.Inject(awstest.Fault{Status: 403, Code: "AccessDenied"})
		run(t, c, "", suppress).Want(t, cli.Finding, "", "AccessDenied")
	})
}
