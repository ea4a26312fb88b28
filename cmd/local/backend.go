package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// backEndLog has a line for each webhook that the back end got.
const backEndLog = runFolder + "/back-end.log"

// backEnd is the demo app's own back end, which has taken Purchasely's webhooks for long and knows nothing of a
// bridge.
type backEnd struct {
	url         string
	authorities string // the file with who has signed its certificate, and the local AWS's
	server      *http.Server
	log         *os.File

	mu  sync.Mutex
	got []relayed
}

// relayed is a webhook that the back end got.
type relayed struct {
	body    string
	genuine bool // signed by Purchasely
}

// startBackEnd starts it before everything else: the integration file has its address, and functions trust it.
func (s *stack) startBackEnd(context.Context) error {
	if !s.options.relays() {
		return nil
	}
	log, err := createLog(backEndLog)
	if err != nil {
		return err
	}
	certificate, authority, err := newCertificate()
	if err != nil {
		return err
	}
	b := &backEnd{log: log}
	if b.authorities, err = s.writeAuthorities(authority); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Listening on loopback waits for nothing.
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
	b.url = "https://" + listener.Addr().String() + "/purchasely"
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = b.server.Serve(tls.NewListener(listener, config)) }() // until it is closed
	s.backEnd = b
	return nil
}

// writeAuthorities writes a file for SSL_CERT_FILE.
func (s *stack) writeAuthorities(authority []byte) (path string, err error) {
	if s.options.tls != nil {
		text, err := os.ReadFile(s.options.tls.certificate)
		if err != nil {
			return "", err
		}
		authority = append(authority, text...)
	}
	path, err = filepath.Abs(filepath.Join(runFolder, "authorities.pem"))
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, authority, 0o600)
}

// ServeHTTP verifies a webhook as Purchasely documents it.
func (b *backEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	mac := hmac.New(sha256.New, []byte(sharedSecret))
	mac.Write([]byte(r.Header.Get("X-PURCHASELY-TIMESTAMP")))
	mac.Write(body)
	genuine := hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(r.Header.Get("X-PURCHASELY-REQUEST-SIGNATURE")))
	if err != nil || !genuine {
		w.WriteHeader(http.StatusUnauthorized)
	}
	event, eventID := readEvent(body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, relayed{string(body), genuine})
	_, _ = fmt.Fprintf(b.log, "%s genuine=%t attempt=%s event=%q id=%q bytes=%d\n",
		time.Now().UTC().Format(time.TimeOnly), genuine, r.Header.Get("Bridge-Attempt"), event, eventID, len(body))
}

// received returns all that it got so far.
func (b *backEnd) received() []relayed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

func (b *backEnd) stop() { _ = errors.Join(b.server.Close(), b.log.Close()) }

// check waits until the back end has all webhooks that were answered 200, and looks at their signatures.
func (b *backEnd) check(ctx context.Context, sent []fixture) (came string, err error) {
	missing := map[string]bool{}
	for _, f := range sent {
		if f.want.Status == http.StatusOK && !f.redriven() {
			missing[string(f.body)] = true
		}
	}
	want := len(missing)
	err = poll(ctx, webhookTimeout, func() (bool, error) {
		for _, r := range b.received() {
			delete(missing, r.body)
		}
		return len(missing) == 0, nil
	})
	if err != nil {
		return "", fmt.Errorf("%d of %d webhooks did not come: %w", len(missing), want, err)
	}
	for _, r := range b.received() {
		if !r.genuine {
			return "", fmt.Errorf("the signature of one is not right: see %s", backEndLog)
		}
	}
	return fmt.Sprintf("%d webhooks as Purchasely sent them, every signature is right", want), nil
}
