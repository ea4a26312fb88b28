package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"
)

// startProxy gives the API, whose URL is another in each run, a URL that can be written down: the same requests go to
// either.
func startProxy(port int, api string, transport http.RoundTripper) (string, *http.Server, error) {
	target, err := url.Parse(api)
	if err != nil {
		return "", nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	listener, err := net.Listen("tcp", address) //nolint:noctx // Listening on loopback waits for nothing.
	if err != nil {
		return "", nil, fmt.Errorf("the API's proxy: %w", err)
	}
	server := &http.Server{
		Handler: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport,
		},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // The caller sees a 502.
	}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return "http://" + listener.Addr().String(), server, nil
}
