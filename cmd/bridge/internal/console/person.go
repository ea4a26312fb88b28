package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/journal"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
)

// traced is the content of the page of a person.
type traced struct {
	User, Anonymous string
	Asked           bool
	People          []tracedPerson
	Lines           []journal.Line // the newest first
	Unfollowed      int
}

type tracedPerson struct {
	Name string
	journal.Person
}

// person shows what became of a person's webhooks. The ids are posted, because addresses are kept in many places.
func (c *console) person(w http.ResponseWriter, r *http.Request) error {
	switch {
	case c.deployed == nil:
		return errNoStack
	case c.deployed.table == nil:
		return cli.Findingf("deploy it with Subscribers=on", "the stack has no journal")
	}
	v, err := c.read(r.Context())
	if err != nil {
		return err
	}
	t := traced{
		User: strings.TrimSpace(r.PostFormValue("user")), Anonymous: strings.TrimSpace(r.PostFormValue("anonymous")),
	}
	if t.Asked = t.User != "" || t.Anonymous != ""; t.Asked {
		history, err := journal.Read(r.Context(), c.deployed.table, journal.Partitions(t.User, t.Anonymous), "", time.Now())
		if err != nil {
			return stack.Explain(err)
		}
		t.fill(history)
	}
	p := page{Title: "Person", Path: r.URL.Path, Base: cmp.Or(v.ETag, noETag), Content: t,
		Command: "bridge user trace --stack " + c.deployed.stack.Name + " --user …"}
	c.render(w, "person", http.StatusOK, p)
	return nil
}

func (t *traced) fill(h journal.History) {
	t.Unfollowed = h.Unfollowed
	for i, p := range h.People {
		name := fmt.Sprintf("Another id, by a transfer (%d)", i+1)
		switch {
		case i == 0 && t.User != "":
			name = "User id"
		case p.Asked:
			name = "Anonymous id"
		}
		t.People = append(t.People, tracedPerson{name, p})
	}
	t.Lines = h.Timeline()
	slices.Reverse(t.Lines)
}
