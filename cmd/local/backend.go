package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"sync"
	"time"
)

// backEndLog has a line for each webhook that the back end got.
const backEndLog = runFolder + "/back-end.log"

// backEnd is the demo app's own back end, which has taken Purchasely's webhooks for long and knows nothing of a
// bridge.
type backEnd struct {
	url string
	log *os.File

	mu     sync.Mutex
	got    map[string]bool // the bodies of webhooks
	forged int             // how many of them were not signed by Purchasely
}

// startBackEnd starts it before everything else: the integration file has its address, and functions trust it.
func (s *stack) startBackEnd(context.Context) error {
	log, err := createLog(backEndLog)
	if err != nil {
		return err
	}
	b := &backEnd{log: log, got: map[string]bool{}}
	s.stops = append(s.stops, func() { _ = log.Close() })
	url, err := s.serve("127.0.0.1", 0, s.authority.certificate, b)
	b.url, s.backEnd = url+"/purchasely", b
	return err
}

// ServeHTTP verifies a webhook as Purchasely documents it.
func (b *backEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	signature := purchaselySignature(r.Header.Get("X-PURCHASELY-TIMESTAMP"), body)
	genuine := hmac.Equal([]byte(signature), []byte(r.Header.Get("X-PURCHASELY-REQUEST-SIGNATURE")))
	if err != nil || !genuine {
		w.WriteHeader(http.StatusUnauthorized)
	}
	event, eventID := readEvent(body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got[string(body)] = true
	if !genuine {
		b.forged++
	}
	_, _ = fmt.Fprintf(b.log, "%s genuine=%t attempt=%s event=%q id=%q bytes=%d\n",
		time.Now().UTC().Format(time.TimeOnly), genuine, r.Header.Get("Bridge-Attempt"), event, eventID, len(body))
}

// purchaselySignature is what Purchasely signs a body with at a time.
func purchaselySignature(timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(sharedSecret))
	mac.Write([]byte(timestamp))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// check waits until the back end has all webhooks that were answered 200, and looks at their signatures.
func (b *backEnd) check(ctx context.Context, sent []fixture) (came string, err error) {
	missing := map[string]bool{}
	for _, f := range sent {
		if f.want.Status == http.StatusOK && !f.redriven() {
			missing[string(f.body)] = true
		}
	}
	want, forged := len(missing), 0
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		maps.DeleteFunc(missing, func(body string, _ bool) bool { return b.got[body] })
		forged = b.forged
		return len(missing) == 0, nil
	})
	if err != nil {
		return "", fmt.Errorf("%d of %d webhooks did not come: %w", len(missing), want, err)
	}
	if forged > 0 {
		return "", fmt.Errorf("the signatures of %d are not right: see %s", forged, backEndLog)
	}
	return fmt.Sprintf("%d webhooks as Purchasely sent them, every signature is right", want), nil
}
