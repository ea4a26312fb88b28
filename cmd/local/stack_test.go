//go:build local

package main

import (
	"context"
	"testing"
)

// TestTheStrictStack deploys with all of the template's optional hardening to a MiniStack that takes TLS only, checks
// signatures, and lets functions do no more than their roles allow.
func TestTheStrictStack(t *testing.T) {
	p := deployProof(t, func(o *options) {
		o.strict, o.Operate = true, true
		o.parameters = func(ctx context.Context, s *stack) (parameters []string, err error) {
			err = s.python(ctx, &parameters, "harden")
			return parameters, err
		}
	})
	go p.aws.feedMetrics(t.Context()) // as in make run
	all, err := loadFixtures("events")
	if err == nil {
		err = p.python(t.Context(), nil, "allow")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.sendAll(t.Context(), all.webhooks); err != nil || p.screen.wrong > 0 {
		t.Fatalf("%d of %d webhooks did not end as their fixtures say, %v", p.screen.wrong, len(all.webhooks), err)
	}
	if _, err := p.backEnd.check(t.Context(), all.webhooks); err != nil {
		t.Errorf("the app's own back end: %v", err)
	}
	t.Run("an operator's day", func(t *testing.T) {
		if err := p.operate(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	for _, command := range []string{"hardened", "roles"} { // The second changes whom the roles trust.
		t.Run(command, func(t *testing.T) {
			var seen [][3]string
			if err := p.python(t.Context(), &seen, command); err != nil || len(seen) < 10 {
				t.Fatalf("%d were tried, %v", len(seen), err)
			}
			for _, c := range seen {
				if c[1] != c[2] {
					t.Errorf("%s: want %s, got %s", c[0], c[1], c[2])
				}
			}
		})
	}
}
