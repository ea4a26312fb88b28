package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// serve answers requests until the stack is stopped, with TLS if there is a certificate, at the URL that it returns.
func (s *stack) serve(host string, port int, certificate *tls.Certificate, handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // It waits for nothing.
	if err != nil {
		return "", err
	}
	url := "http://" + listener.Addr().String()
	if certificate != nil {
		url = "https://" + listener.Addr().String()
		config := &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}
		listener = tls.NewListener(listener, config)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // The caller sees what is wrong.
	}
	go func() { _ = server.Serve(listener) }() // until it is closed
	s.stops = append(s.stops, func() { _ = server.Close() })
	return url, nil
}

// proxy passes requests on to a URL.
func proxy(to string, transport http.RoundTripper) http.Handler {
	target, _ := url.Parse(to) // one that this program made
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport,
	}
}

// exchange makes a request that has to be answered with a 2xx. The answer is read into a value unless that is nil.
func exchange(client *http.Client, r *http.Request, into any) error {
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.Method, r.URL, err)
	}
	return nil
}

// authority is what servers of this run identify themselves with: a certificate that is its own authority.
type authority struct {
	certificate *tls.Certificate
	client      *http.Client // that trusts it
	file, key   string       // certificate and key for servers and clients in other processes
	text        []byte       // the certificate as the file has it
}

// newAuthority makes a certificate for this machine, also as containers know it, and writes it into a folder.
func newAuthority(folder string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{containerHost}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	a := &authority{
		certificate: &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		client:      &http.Client{Transport: transport},
		file:        filepath.Join(folder, "authority.pem"), key: filepath.Join(folder, "authority.key"), text: text,
	}
	return a, errors.Join(
		os.MkdirAll(folder, 0o750),
		os.WriteFile(a.file, text, 0o600),
		os.WriteFile(a.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600),
	)
}
