package clevertap_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
	"github.com/purchasely-clevertap/bridge/shared/network"
)

// peers are what the other end of a connection may be, one after the other.
var peers = []func(net.Conn){
	nil, // it does not even connect
	func(net.Conn) {},
	func(c net.Conn) { _ = c.Close() },
	answers("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf"),
	answers("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"),
	answers("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"),
	answers("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"),
	answers("what is this?\r\n\r\n"),
}

// answers is a peer that answers one request with this text, and no other.
func answers(text string) func(net.Conn) {
	return func(c net.Conn) {
		if request, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, request.Body)
			_, _ = io.WriteString(c, text)
		}
		_, _ = io.Copy(io.Discard, c) // until the connection is given up
	}
}

// counted counts a connection until it is closed.
type counted struct {
	net.Conn

	open   *atomic.Int32
	closed atomic.Bool
}

func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// A CleverTap that fails in every way for a day leaves no socket, and synctest sees that it leaves no goroutine.
func TestADayOfFailuresLeavesNoSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, made atomic.Int32
		most := int32(0)
		transport := clevertap.NewTransport()
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			peer := peers[int(made.Add(1))%len(peers)]
			if peer == nil {
				time.Sleep(network.DialTimeout)
				return nil, syscall.ETIMEDOUT
			}
			ours, theirs := net.Pipe()
			go peer(theirs)
			open.Add(1)
			return &counted{Conn: ours, open: &open}, nil
		}
		u := clevertap.NewUploader(clevertap.Options{
			Endpoint: "http://clevertap.test", Transport: transport, Timeout: time.Second, BreakerPause: time.Second,
		})
		for began := time.Now(); time.Since(began) < 24*time.Hour; time.Sleep(10 * time.Second) {
			u.Upload(within(t, 5*time.Second), oneBatch(10), &tracker{})
			most = max(most, open.Load())
		}
		time.Sleep(network.IdleTimeout + time.Second)
		if left := open.Load(); left > 0 || most > 2 || made.Load() < 1000 {
			t.Errorf("%d sockets are left, %d were open at most, %d in all", left, most, made.Load())
		}
	})
}
