package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/standardwebhooks"
)

// checkUsers looks at the secret of the app's back end, if there is one, and tries it by a request that changes
// nothing. target is empty if the stack takes none.
func (c *checker) checkUsers(ctx context.Context, target string) {
	what, keys, found := c.signingKeys(ctx, stack.UsersSecret)
	switch {
	case !found && target != "":
		c.right(what, "there is none, so your back end says nothing about users")
	case keys == nil:
	case target == "":
		c.right(what, "the stack's parameter UsersEndpoint is off: your back end cannot use it")
	default:
		c.right(what, "")
		c.tryUsers(ctx, target, keys)
	}
}

// usersAdvice is what to do about an answer of the endpoint, by its status.
var usersAdvice = map[int]string{
	http.StatusNotFound: "the app is not in the integration file that is deployed, or UsersEndpoint was switched off",
	http.StatusUnauthorized: "the endpoint learns of another secret within a minute: try again; " +
		"or the clock of this machine is wrong by more than five minutes",
	http.StatusServiceUnavailable: "the secret is out of the endpoint's reach; its log says why",
}

// tryUsers posts an empty list, signed as the back end signs.
func (c *checker) tryUsers(ctx context.Context, target string, keys *standardwebhooks.Keys) {
	what := "users endpoint " + target
	status, err := postSigned(ctx, c.network, target, keys.Current, []byte(`{"links":[]}`))
	switch {
	case err != nil:
		c.wrong(what, "it does not answer: "+err.Error(), "is it deployed? --url names it where it is not the stack's")
	case status != http.StatusOK:
		advice := cmp.Or(usersAdvice[status], "this is no answer of the bridge; does the domain lead to it?")
		c.wrong(what, fmt.Sprintf("it answers %d to a signed request", status), advice)
	default:
		c.right(what, "it takes the signature")
	}
}

// postSigned posts a body as the back end does, and follows no redirect: the endpoint sends none. Its error does not
// quote the URL.
func postSigned(
	ctx context.Context, network http.RoundTripper, target string, key standardwebhooks.Key, body []byte,
) (status int, err error) {
	client := &http.Client{
		Timeout: 10 * time.Second, Transport: network,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the URL cannot be used")
	}
	now := time.Now()
	id := "check-" + rand.Text()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderID, id)
	request.Header.Set(standardwebhooks.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderSignature, key.Sign(id, now, body))
	response, err := client.Do(request)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err
		}
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // the status says everything
	return response.StatusCode, response.Body.Close()
}
