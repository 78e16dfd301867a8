package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// shown is what a server knows of a client with a certificate of these names.
func shown(t *testing.T, subject pkix.Name) *tls.ConnectionState {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
}

// EXTERNAL: the user is who the certificate names, and has to be there.
func TestExternal(t *testing.T) {
	app := shown(t, pkix.Name{CommonName: "app", Organization: []string{"shop, inc"}})
	unverified := shown(t, pkix.Name{CommonName: "app"})
	unverified.VerifiedChains = nil
	two := shown(t, pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "a"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "b"},
	}})
	for _, tt := range []struct {
		name  string
		from  string
		state *tls.ConnectionState
		want  string // empty: refused
	}{
		{"distinguished name", "", app, `CN=app,O=shop\, inc`},
		{"common name", "common_name", app, "app"},
		{"common names", "common_name", two, "a,b"},
		{"nobody has verified it", "common_name", unverified, ""},
		{"no TLS", "common_name", nil, ""},
		{"no name", "common_name", shown(t, pkix.Name{Organization: []string{"shop"}}), ""},
		{"no such user", "common_name", shown(t, pkix.Name{CommonName: "stranger"}), ""},
		{"here only", "common_name", shown(t, pkix.Name{CommonName: "guest"}), ""},
	} {
		b := New(Options{Mechanisms: []string{"EXTERNAL"}, CertLoginFrom: tt.from})
		for _, name := range []string{`CN=app,O=shop\, inc`, "app", "a,b"} {
			must(t, b.AddUser(name, "")) // no password is needed
		}
		user, err := (*backend)(b).Login(amqp.LoginRequest{
			Mechanism: "EXTERNAL", TLS: tt.state, Peer: named{"tcp", "192.0.2.1:5671"},
		})
		if user != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.name, user, err)
		}
	}
}

// BenchmarkLogin is what a login costs whose password was right before.
func BenchmarkLogin(b *testing.B) {
	broker, err := Open(Options{DataDir: b.TempDir()})
	must(b, err)
	defer func() { _ = broker.Shutdown(b.Context()) }()
	must(b, broker.AddUser("u", "secret"), broker.Authenticate("u", "secret"))
	b.ReportAllocs()
	for b.Loop() {
		if err := broker.Authenticate("u", "secret"); err != nil {
			b.Fatal(err)
		}
	}
}
