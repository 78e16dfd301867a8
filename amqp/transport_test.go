package amqp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/internal/certs/certstest"
)

// Each write to a connection with TLS makes a record at least.
func TestPiecesAreGatheredForTLS(t *testing.T) {
	var pieces [][]byte
	var want []byte
	for i := range 3000 {
		piece := bytes.Repeat([]byte{byte(i)}, 1+i%100)
		if i == 1500 {
			piece = bytes.Repeat([]byte{1}, 3*chunkSize+1) // more than one write holds
		}
		pieces = append(pieces, piece)
		want = append(want, piece...)
	}
	s := newSink()
	o := newOutbox(s)
	n, err := o.writeGathered(pieces)
	if err != nil || n != int64(len(want)) || !bytes.Equal(s.got, want) {
		t.Errorf("%d of %d bytes were written, %v", n, len(want), err)
	}
	if most := len(want)/chunkSize + 2; len(s.pieces) > most {
		t.Errorf("%d writes, want at most %d", len(s.pieces), most)
	}
	for _, fail := range []int{0, 1, chunkSize, len(want) - 1} {
		s := newSink()
		s.fail = fail
		n, err := newOutbox(s).writeGathered(pieces)
		if !errors.Is(err, errSink) || n != int64(len(s.got)) || !bytes.Equal(s.got, want[:n]) {
			t.Errorf("failing after %d bytes: %d were written, %d arrived, %v", fail, n, len(s.got), err)
		}
	}
}

// The close of TLS tells the peer, and would wait for one that does not read.
func TestACutDoesNotWaitForThePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := certstest.New(t, "root")
		a, b := net.Pipe()
		defer b.Close()
		server := tls.Server(a, &tls.Config{Certificates: []tls.Certificate{root.Issue(t, "server").TLS(t)}, SessionTicketsDisabled: true})
		done := make(chan error, 1)
		go func() { done <- server.Handshake() }()
		if err := tls.Client(b, &tls.Config{RootCAs: root.Pool(), ServerName: "localhost"}).Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		cut(server)
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
		if _, err := server.Write([]byte{1}); err == nil {
			t.Error("it is open")
		}
	})
}
