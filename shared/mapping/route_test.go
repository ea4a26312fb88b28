package mapping_test

import (
	"errors"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/mapping"
	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	const sandbox, production = `,"environment":"SANDBOX"`, `,"environment":"PRODUCTION"`
	out := errors.New("secret is out of reach")
	for name, c := range map[string]struct {
		environment, file string
		has               bool
		err               error
		want              mapping.Destination
		asked             bool
	}{
		"production goes to the production account":          {production, "{}", true, nil, mapping.Production, false},
		"no environment counts as production":                {"", "{}", true, nil, mapping.Production, false},
		"another environment counts as production":           {`,"environment":"sandbox"`, "{}", true, nil, mapping.Production, false},
		"a sandbox purchase goes to the sandbox account":     {sandbox, "{}", true, nil, mapping.SandboxAccount, true},
		"without a sandbox account it goes nowhere":          {sandbox, "{}", false, nil, mapping.NoAccount, true},
		"a secret out of reach is not a missing account":     {sandbox, "{}", false, out, mapping.NoAccount, true},
		"sandbox: send needs no sandbox account":             {sandbox, "{sandbox: send}", true, nil, mapping.Production, false},
		"sandbox: skip does not ask for it":                  {sandbox, "{sandbox: skip}", true, nil, mapping.NoAccount, false},
		"nobody asks for a disabled app, which goes nowhere": {sandbox, "{enabled: false}", true, out, mapping.Production, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e webhook.Event
			if err := e.Read([]byte(`{"event_name":"ACTIVATE","user_id":"a"` + c.environment + `}`)); err != nil {
				t.Fatal(err)
			}
			asked := false
			to, err := mapping.Route(&e, load(t, "apps:\n  demo: "+c.file+"\n"), func() (bool, error) {
				asked = true
				return c.has, c.err
			})
			if wantErr := c.asked && c.err != nil; to != c.want || asked != c.asked || (wantErr && !errors.Is(err, c.err)) || (!wantErr && err != nil) {
				t.Errorf("to %v, error %v, asked %v; want to %v, asked %v", to, err, asked, c.want, c.asked)
			}
		})
	}
}
