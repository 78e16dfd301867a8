package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/internal/certs/certstest"
)

// tlsFolder is where a server's certificate and key are.
type tlsFolder struct {
	t         *testing.T
	root      *certstest.Authority
	cert, key string
}

func newTLSFolder(t *testing.T) tlsFolder {
	t.Helper()
	dir := t.TempDir()
	f := tlsFolder{t, certstest.New(t, "root"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	f.issue("first")
	return f
}

// issue replaces the files by those of a name.
func (f tlsFolder) issue(name string) {
	f.t.Helper()
	pair := f.root.Issue(f.t, name)
	f.put(f.cert, pair.Cert)
	f.put(f.key, pair.Key)
}

func (f tlsFolder) put(path string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// serve starts a broker with TLS and returns where it listens.
func (f tlsFolder) serve(args ...string) (s *served, addr string) {
	f.t.Helper()
	s = startServe(f.t, append(args, "--memory", "--tls-listen=127.0.0.1:0", "--tls-cert="+f.cert, "--tls-key="+f.key)...)
	line, _ := s.out.await(f.t, "started TLS (SSL) listener on ")
	_, addr, _ = strings.Cut(line, "listener on ")
	s.out.await(f.t, "Server startup complete")
	return s, addr
}

// dial connects a client and returns the name in the server's certificate.
func (f tlsFolder) dial(addr string) (conn *amqp091.Connection, server string) {
	f.t.Helper()
	conn, err := amqp091.DialTLS("amqps://guest:guest@"+addr, &tls.Config{RootCAs: f.root.Pool()})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	return conn, conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestClientsUseTLS(t *testing.T) {
	f := newTLSFolder(t)
	_, addr := f.serve("--listen=127.0.0.1:0")
	conn, _ := f.dial(addr)
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("q", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", 300_000)
	const n = 200
	for i := range n {
		size := i * len(body) / n
		if err := ch.PublishWithContext(t.Context(), "", "q", false, false, amqp091.Publishing{Body: []byte(body[:size])}); err != nil {
			t.Fatal(err)
		}
	}
	deliveries, err := ch.Consume("q", "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if d := <-deliveries; len(d.Body) != i*len(body)/n {
			t.Fatalf("message %d has %d bytes", i, len(d.Body))
		}
	}
}

func TestChangedCertificatesAreTakenUpWithoutDroppingConnections(t *testing.T) {
	f := newTLSFolder(t)
	s, addr := f.serve("--listen=127.0.0.1:0")
	conn, name := f.dial(addr)
	if name != "first" {
		t.Errorf("got the certificate of %s", name)
	}
	f.issue("second")
	s.out.await(t, "TLS certificates were read again")
	if _, name := f.dial(addr); name != "second" {
		t.Errorf("got the certificate of %s", name)
	}

	f.put(f.cert, []byte("nonsense"))
	line, _ := s.out.await(t, "TLS certificates could not be read again: the old ones stay in use")
	if !strings.Contains(line, "[error]") || !strings.Contains(line, f.cert) {
		t.Errorf("said %q", line)
	}
	if _, name := f.dial(addr); name != "second" {
		t.Errorf("got the certificate of %s", name)
	}
	if _, err := conn.Channel(); err != nil {
		t.Errorf("the first connection does not go on: %v", err)
	}
}

func TestHangUpReadsCertificatesAgain(t *testing.T) {
	f := newTLSFolder(t)
	s, _ := f.serve("--listen=127.0.0.1:0")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.out.await(t, "TLS certificates were read again")
}

func TestClientsOnTheWrongPortAreLetGoWithAWord(t *testing.T) {
	f := newTLSFolder(t)
	s := startServe(t, "--memory", "--listen=127.0.0.1:0", "--tls-listen=127.0.0.1:0", "--tls-cert="+f.cert, "--tls-key="+f.key)
	plain := s.address(t)
	line, _ := s.out.await(t, "started TLS (SSL) listener on ")
	_, secure, _ := strings.Cut(line, "listener on ")

	conn, err := net.Dial("tcp", secure)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, amqp.ProtocolHeader); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
		t.Errorf("a plain client on the port with TLS got %q, %v", answer, err)
	}
	s.out.await(t, "first record does not look like a TLS handshake")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: f.root.Pool()}}
	if c, err := dialer.DialContext(ctx, "tcp", plain); err == nil {
		c.Close()
		t.Error("TLS on the plain port")
	}
	s.out.await(t, "the client speaks TLS, on a port without it")
}

// The lines that modules of testcontainers look for.
func TestListenersWithTLSOnly(t *testing.T) {
	f := newTLSFolder(t)
	conf := filepath.Join(t.TempDir(), "rabbitmq.conf")
	f.put(conf, []byte("listeners.tcp = none\nlisteners.ssl.default = 0\nssl_options.certfile = "+f.cert+"\nssl_options.keyfile = "+f.key+
		"\nssl_options.cacertfile = "+f.cert+"\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"))
	s := startServe(t, "--memory", "--config="+conf)
	line, before := s.out.await(t, "started TLS (SSL) listener on [::]:")
	if strings.Contains(strings.Join(before, ""), "TCP listener") {
		t.Errorf("said %q", before)
	}
	_, addr, _ := strings.Cut(line, "listener on [::]")
	s.out.await(t, "Server startup complete; 0 plugins started.")
	_, err := amqp091.DialTLS("amqps://localhost"+addr, &tls.Config{RootCAs: f.root.Pool()})
	if err == nil {
		t.Error("a client without a certificate is let in")
	}
	s.out.await(t, "client didn't provide a certificate")
}

func TestWithoutACertificateThereIsNoTLS(t *testing.T) {
	s := startServe(t, "--memory", "--tls-listen=127.0.0.1:0")
	select {
	case err := <-s.done:
		if err == nil || !strings.Contains(err.Error(), "listeners.ssl: want ssl_options.certfile and ssl_options.keyfile") {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Error("it runs")
	}
}
