package app

import (
	"cmp"
	"strings"
	"testing"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/shared/aws/bucket"
	"github.com/purchasely-clevertap/bridge/shared/settings"
)

// shopSecrets are given to app add.
const shopSecrets = `{"purchasely":{"shared_secret":"shared-4711"},` +
	`"clevertap":{"account_id":"AAA-111-2222","passcode":"right-pass"}}`

func TestAnAppIsAddedToTheSettings(t *testing.T) {
	const demo = "# ours\napps:\n  demo: {enabled: false} # for now\n"
	for name, c := range map[string]struct {
		before, args string
		code         int
		errs, after  string // after: the settings, empty: as before
	}{
		"with --settings": {demo, "--settings shop", cli.OK, "shop is added to the settings, version version-000002, and",
			demo + "  shop: {}\n"},
		"without": {demo, "shop", cli.Usage,
			"hint: --settings adds it to the stack's settings, with every", ""},
		"one that is there":        {demo, "--settings demo", cli.OK, "", ""},
		"a name that no app has":   {demo, "--settings Shop!", cli.Usage, `app "Shop!" is not in the integration file`, ""},
		"among apps side by side":  {"apps: {demo: {}}\n", "--settings shop", cli.OK, "", "apps: {demo: {}, shop: {}}\n"},
		"where it cannot be added": {"apps: &a\n  demo: {}\n", "--settings shop", cli.Usage, "hint: add it by hand", ""},
		"while there are none": {"", "--settings shop", cli.OK, "shop is added to the settings",
			"      currency: integration\n  shop: {}\n"},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			if c.before != "" {
				cloud.S3.Put(clitest.Bucket, settings.Key, []byte(c.before))
			}
			got := run(t, cloud, shopSecrets, "add "+c.args)
			if !got.Has(c.code, "", c.errs) {
				t.Errorf("got %+v", got)
			}
			object, err := bucket.New(cloud.Config(), clitest.Bucket, 0).Get(t.Context(), "")
			if err != nil || !strings.HasSuffix(string(object.Text), cmp.Or(c.after, c.before)) {
				t.Errorf("the settings are %q, %v", object.Text, err)
			}
			if stored := cloud.Secrets.Text("purchasely-clevertap/shop/purchasely") != ""; stored != (c.after != "") {
				t.Errorf("secrets are stored: %t", stored)
			}
		})
	}
}
