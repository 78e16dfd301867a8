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
	"net"
	"net/url"
	"strconv"
	"strings"
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
		b := New(Options{Mechanisms: []string{"EXTERNAL"}, CertLogin: CertLogin{From: tt.from}})
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

// What RabbitMQ 3.10.8 calls somebody with a certificate of these names.
func TestNamesOfCertificates(t *testing.T) {
	attribute := func(oid, value string) pkix.AttributeTypeAndValue {
		var n asn1.ObjectIdentifier
		for part := range strings.SplitSeq(oid, ".") {
			i, err := strconv.Atoi(part)
			must(t, err)
			n = append(n, i)
		}
		return pkix.AttributeTypeAndValue{Type: n, Value: value}
	}
	const cn, o, ou, c, street, dc, uid, email = "2.5.4.3", "2.5.4.10", "2.5.4.11", "2.5.4.6", "2.5.4.9", "0.9.2342.19200300.100.1.25",
		"0.9.2342.19200300.100.1.1", "1.2.840.113549.1.9.1"
	for _, tt := range []struct {
		subject       []string // oid, value, ...
		distinguished string
		common        string
	}{
		{[]string{c, "DE", o, "Hare, Inc.", ou, "Field", cn, "alice"}, `CN=alice,OU=Field,O=Hare\, Inc.,C=DE`, "alice"},
		{[]string{cn, "first", cn, "second"}, "CN=second,CN=first", "first,second"},
		{[]string{o, "only"}, "O=only", ""},
		{[]string{cn, "Ã¥lice", email, "a@b.c"}, `EMAILADDRESS=a@b.c,CN=\C3\83\C2\A5lice`, "Ã¥lice"},
		{[]string{cn, ` al=ice, "x"; <y> `}, `CN=\ al=ice\, \"x\"\; \<y\>\ `, ` al=ice, "x"; <y> `},
		{[]string{cn, "a+b=#c", o, "#hash"}, `O=\#hash,CN=a\+b=#c`, "a+b=#c"},
		{
			[]string{dc, "org", dc, "example", uid, "u1", "2.5.4.5", "42", "2.5.4.7", "Berlin", "2.5.4.8", "BE", street, "Weg 1", "2.5.4.12", "T", cn, "alice"},
			"CN=alice,TITLE=T,2.5.4.9=Weg 1,ST=BE,L=Berlin,SERIALNUMBER=42,UID=u1,DC=example,DC=org", "alice",
		},
		{
			[]string{"2.5.4.4", "Sur", "2.5.4.42", "Given", "2.5.4.41", "N", "2.5.4.43", "I", "2.5.4.44", "G", "2.5.4.46", "Q", "2.5.4.65", "P", "2.5.4.17", "1", cn, "m"},
			"CN=m,2.5.4.17=1,PSEUDONYM=P,2.5.4.46=Q,GENERATIONQUALIFIER=G,INITIALS=I,2.5.4.41=N,GIVENNAME=Given,SN=Sur", "m",
		},
	} {
		var subject pkix.Name
		for i := 0; i < len(tt.subject); i += 2 {
			subject.ExtraNames = append(subject.ExtraNames, attribute(tt.subject[i], tt.subject[i+1]))
		}
		state := shown(t, subject)
		if got := (CertLogin{From: "distinguished_name"}).name(state); got != tt.distinguished {
			t.Errorf("%v: %s, want %s", tt.subject, got, tt.distinguished)
		}
		if got := (CertLogin{From: "common_name"}).name(state); got != tt.common {
			t.Errorf("%v: common name %s, want %s", tt.subject, got, tt.common)
		}
	}
}

func TestAlternativeNamesOfCertificates(t *testing.T) {
	state := shown(t, pkix.Name{CommonName: "alice"})
	where, err := url.Parse("urn:alice")
	must(t, err)
	cert := state.VerifiedChains[0][0]
	cert.DNSNames, cert.EmailAddresses = []string{"alice.example", "second.example"}, []string{"alice@example.org"}
	cert.URIs, cert.IPAddresses = []*url.URL{where}, []net.IP{net.IPv4(10, 0, 0, 1)}
	for _, tt := range []struct {
		kind  string
		index int
		want  string
	}{
		{"", 0, "alice.example"},
		{"dns", 1, "second.example"},
		{"dns", 2, ""},
		{"email", 0, "alice@example.org"},
		{"email", 1, ""},
		{"uri", 0, "urn:alice"},
		{"ip", 0, "10.0.0.1"},
	} {
		l := CertLogin{From: "subject_alternative_name", AlternativeType: tt.kind, AlternativeIndex: tt.index}
		if got := l.name(state); got != tt.want {
			t.Errorf("%s %d: %q, want %q", tt.kind, tt.index, got, tt.want)
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
