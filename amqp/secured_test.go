package amqp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// certificate makes one that signs itself, and the pool in which it is known.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, DNSNames: []string{"broker"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// CONN-04: EXTERNAL is offered over TLS, as by RabbitMQ 3.10.8; who chooses it without
// a certificate that was verified is refused.
func TestWhoIsOfferedExternal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, known := certificate(t)
		for _, tt := range []struct {
			name  string
			asked tls.ClientAuthType
			shown []tls.Certificate
			want  string
		}{
			{"with a certificate", tls.VerifyClientCertIfGiven, []tls.Certificate{own}, "PLAIN AMQPLAIN EXTERNAL"},
			{"without one", tls.VerifyClientCertIfGiven, nil, "PLAIN AMQPLAIN EXTERNAL"},
			{"with one that nobody has verified", tls.RequestClientCert, []tls.Certificate{own}, "PLAIN AMQPLAIN EXTERNAL"},
		} {
			b := newBackend()
			client, server := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				b.server.ServeConn(tls.Server(server, &tls.Config{
					Certificates: []tls.Certificate{own}, ClientAuth: tt.asked, ClientCAs: known,
				}))
			}()
			c := amqptest.New(t, tls.Client(client, &tls.Config{RootCAs: known, ServerName: "broker", Certificates: tt.shown}))
			c.Send([]byte(amqp.ProtocolHeader))
			if _, m := c.NextMethod(); string(m.(*amqp.ConnectionStart).Mechanisms) != tt.want {
				t.Errorf("%s: %s", tt.name, m.(*amqp.ConnectionStart).Mechanisms)
			}
			client.Close()
			<-done
		}
	})
}

// What is no TLS ends at once, and is worth a word; a probe that comes and goes is
// not (HDR-09). Who does nothing has the time of the handshake (CONN-34).
func TestWhatIsNotTLS(t *testing.T) {
	for _, tt := range []struct {
		name   string
		does   func(net.Conn)
		after  time.Duration
		logged bool
	}{
		{"AMQP", func(c net.Conn) { _, _ = c.Write([]byte(amqp.ProtocolHeader)) }, 0, true},
		{"a probe", func(c net.Conn) { c.Close() }, 0, false},
		{"nothing", func(net.Conn) {}, 10 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				own, _ := certificate(t)
				b := newBackend()
				client, server := net.Pipe()
				defer client.Close()
				begin := time.Now()
				go tt.does(client)
				go func() {
					var b [1024]byte
					for {
						if _, err := client.Read(b[:]); err != nil {
							return
						}
					}
				}()
				b.server.ServeConn(tls.Server(server, &tls.Config{Certificates: []tls.Certificate{own}}))
				since(t, begin, tt.after)
				causes := b.causes()
				if logged := len(causes) == 1 && causes[0] != nil; logged != tt.logged {
					t.Errorf("ended with %v", causes)
				}
				if tt.logged && !strings.HasPrefix(causes[0].Error(), "TLS: ") {
					t.Errorf("ended with %v", causes)
				}
			})
		})
	}
}
