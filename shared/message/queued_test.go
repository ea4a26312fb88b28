package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/message"
)

const oneMessage = `{"Records":[{"messageId":"m-1","receiptHandle":"r-1","body":"{\"user_id\":\"rosée\"}\n",
 "attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1795402927191","MessageGroupId":"g"},
 "messageAttributes":{"app":{"stringValue":"demo","stringListValues":[],"binaryListValues":[],"dataType":"String"},
  "binary":{"binaryValue":"AAE=","dataType":"Binary"}},
 "md5OfBody":"x","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q.fifo","awsRegion":"eu-west-1"}]}`

func TestAnEventIsReadFieldByField(t *testing.T) {
	messages, err := message.ReadEvent([]byte(oneMessage))
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	m := messages[0]
	want := message.Queued{
		ID: "m-1", Receipt: "r-1", Body: []byte("{\"user_id\":\"rosée\"}\n"), Group: "g",
		Source:   "arn:aws:sqs:eu-west-1:1:q.fifo",
		Receives: 3, Sent: m.Sent, Attributes: map[string]message.Attribute{
			"app": {Type: "String", String: "demo"}, "binary": {Type: "Binary", Binary: "AAE="},
		},
	}
	if diff := cmp.Diff(want, m); diff != "" || m.Sent.UnixMilli() != 1795402927191 || !m.FIFO() {
		t.Errorf("sent %v, FIFO %t (-want +got):\n%s", m.Sent, m.FIFO(), diff)
	}
	if got := m.Attributes["binary"].Value(); got != "AAE=" {
		t.Errorf("binary attribute %q", got)
	}
}

func TestAPayloadThatIsNotAnEventIsAnErrorThatQuotesNothing(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":                 ``,
		"a string":                `"x"`,
		"records not in a list":   `{"Records":7}`,
		"a record not an object":  `{"Records":["secret-user"]}`,
		"a payload that was cut":  oneMessage[:len(oneMessage)/2],
		"attributes not a struct": `{"Records":[{"attributes":[]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := message.ReadEvent([]byte(payload))
			if err == nil || strings.Contains(err.Error(), "secret-user") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestARetriedMessageIsHiddenLongerWithEachReceive(t *testing.T) {
	const first, quarter = 5 * time.Second, 15 * time.Minute
	for name, test := range map[string]struct {
		first    time.Duration
		receives int
		jitter   float64
		want     time.Duration
	}{
		"the first time":                        {first, 1, 0.5, first},
		"doubled":                               {first, 2, 0.5, 2 * first},
		"a fifth less":                          {first, 4, 0, 32 * time.Second},
		"a fifth more":                          {first, 4, 1, 48 * time.Second},
		"a quarter of an hour and no more":      {first, 9, 1, quarter},
		"a fifth less than that":                {first, 9, 0, 12 * time.Minute},
		"where doubling would overflow":         {first, 32, 0.5, quarter},
		"where doubling would overflow at once": {quarter, 31, 0.5, quarter},
		"a millisecond, in the end":             {time.Millisecond, 21, 0.5, quarter},
		"seconds are whole":                     {first, 1, 0.77, 6 * time.Second},
	} {
		got := message.Backoff(test.first, quarter, test.receives, func() float64 { return test.jitter })
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
