package sender

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/clitest"
	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/stack"
	"github.com/purchasely-clevertap/bridge/shared/aws/awstest"
)

func newSender(c *clitest.Cloud, rate cli.Rate) *Sender {
	return New(stack.NewQueue(c.Config(), c.SQS.QueueURL(c.Events), "events"), rate)
}

// messages are of some groups, one letter each, with unique bodies.
func messages(groups string) []*stack.Outgoing {
	out := make([]*stack.Outgoing, len(groups))
	for i, g := range groups {
		body, id := fmt.Sprintf("%c%d", g, i), fmt.Sprint("id-", i)
		out[i] = &stack.Outgoing{Body: body, GroupID: string(g), DeduplicationID: id}
	}
	return out
}

func checkAccepted(t *testing.T, errs []error) {
	t.Helper()
	for i, err := range errs {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
}

func TestASenderKeepsItsRate(t *testing.T) {
	for name, c := range map[string]struct {
		rate        cli.Rate
		n           int
		least, most time.Duration
		calls       int
	}{
		"ten a second":            {10, 50, 3900 * time.Millisecond, 4100 * time.Millisecond, 5},
		"one a second":            {1, 4, 2900 * time.Millisecond, 3100 * time.Millisecond, 4},
		"less than one a second":  {0.5, 2, 1900 * time.Millisecond, 2100 * time.Millisecond, 2},
		"as fast as it goes":      {0, 50, 0, 0, 5},
		"a thousand a second":     {1000, 50, 30 * time.Millisecond, 50 * time.Millisecond, 5},
		"nothing to send at all":  {1, 0, 0, 0, 0},
		"one message in one call": {0, 1, 0, 0, 1},
	} {
		clitest.Subtest(t, name, func(t *testing.T, cloud *clitest.Cloud) {
			groups := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[:c.n]
			begin := time.Now()
			checkAccepted(t, newSender(cloud, c.rate).Send(t.Context(), messages(groups)))
			if took := time.Since(begin); took < c.least || took > c.most {
				t.Errorf("it took %s", took)
			}
			if n := cloud.SQS.Calls("SendMessageBatch"); n != c.calls {
				t.Errorf("it took %d calls, want %d", n, c.calls)
			}
		})
	}
}

func TestAGroupStaysInItsOrder(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		groups := strings.Repeat("abacabadabacabae", 3)
		checkAccepted(t, newSender(c, 0).Send(t.Context(), messages(groups)))
		last := make(map[byte]int)
		for _, body := range clitest.Bodies(c.Events) {
			var n int
			if _, err := fmt.Sscan(body[1:], &n); err != nil || n < last[body[0]] {
				t.Errorf("%s came after %c%d", body, body[0], last[body[0]])
			}
			last[body[0]] = n
		}
		if n := len(c.Events.Messages()); n != len(groups) {
			t.Errorf("%d of %d came", n, len(groups))
		}
	})
}

func TestAStandardQueueHasNoOrderToKeep(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		c.UseStandardQueue()
		c.Events.Refuse(func(_ string, m awstest.Message) string {
			return map[bool]string{true: "InvalidMessageContents"}[m.Body == "a0"]
		})
		page := messages(strings.Repeat("a", 50))
		for _, m := range page {
			m.DeduplicationID = ""
		}
		errs := newSender(c, 0).Send(t.Context(), page)
		if errs[0] == nil {
			t.Error("what the queue refused was sent")
		}
		checkAccepted(t, errs[1:])
	})
}

func TestACallStaysBelowSQSsSize(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		page := append(messages("abcdef"), nil) // nil is left out
		for i := range page[:6] {
			page[i].Body = strings.Repeat("x", 500_000)
		}
		checkAccepted(t, newSender(c, 0).Send(t.Context(), page))
		if n := c.SQS.Calls("SendMessageBatch"); n != 3 {
			t.Errorf("three megabytes went in %d calls", n)
		}
	})
}

func TestWhatTheQueueCouldNotTakeIsSentAgain(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		failures := map[string]int{"b1": 1, "c2": attempts}
		c.Events.Refuse(func(_ string, m awstest.Message) string {
			failures[m.Body]--
			return map[bool]string{true: "InternalError"}[failures[m.Body] >= 0]
		})
		s := newSender(c, 0)
		errs := s.Send(t.Context(), messages("abcd"))
		checkAccepted(t, slices.Concat(errs[:2], errs[3:]))
		if errs[2] == nil || !strings.Contains(errs[2].Error(), "InternalError") {
			t.Errorf("got %v", errs[2])
		}
		if got := s.Send(t.Context(), messages("xxxxxc")[4:]); got[0] != nil || !errors.Is(got[1], ErrBehind) {
			t.Errorf("a message behind one that was not accepted: %v", got)
		}
		if got := clitest.Bodies(c.Events); !slices.Equal(got, []string{"a0", "d3", "b1", "x4"}) {
			t.Errorf("came: %q", got)
		}
	})
}

func TestAnInterruptedSenderSendsNoMore(t *testing.T) {
	clitest.Test(t, func(t *testing.T, c *clitest.Cloud) {
		errs := newSender(c, 1).Send(c.InterruptAt(t, 1), messages("abc")) // while the first call is under way
		accepted := 0
		for _, err := range errs {
			if err == nil {
				accepted++
			} else if !errors.Is(err, cli.ErrInterrupted) {
				t.Errorf("got %v", err)
			}
		}
		if accepted != 1 || len(c.Events.Messages()) != 1 {
			t.Errorf("%d were accepted, %q came", accepted, clitest.Bodies(c.Events))
		}
	})
}
