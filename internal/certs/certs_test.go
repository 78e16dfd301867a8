package certs

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/internal/certs/certstest"
)

// files are a certificate's, in a directory of the test's own.
func files(t *testing.T, a *certstest.Authority, p certstest.Pair) Files {
	t.Helper()
	dir := t.TempDir()
	f := Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: filepath.Join(dir, "ca.pem"), Depth: -1}
	put(t, f.Cert, p.Cert)
	put(t, f.Key, p.Key)
	put(t, f.CA, a.PEM)
	return f
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, f Files) *Store {
	t.Helper()
	s, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shake runs a handshake, has the server send an octet, and returns what each side says of it.
func shake(t *testing.T, s *Store, client *tls.Config) (state tls.ConnectionState, server, clientErr error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() {
		_, err := tls.Server(a, s.Config()).Write([]byte{1}) // after the handshake
		a.Close()
		done <- err
	}()
	client.ServerName = "localhost"
	c := tls.Client(b, client)
	_, clientErr = c.Read(make([]byte, 1)) // of TLS 1.3, it hears only now that it is refused
	b.Close()
	return c.ConnectionState(), <-done, clientErr
}

func TestChangedFilesAreServedAfterReload(t *testing.T) {
	root := certstest.New(t, "root")
	f := files(t, root, root.Issue(t, "first"))
	s := load(t, f)
	next := root.Issue(t, "second")
	put(t, f.Cert, next.Cert)
	put(t, f.Key, next.Key)
	for _, want := range []string{"first", "second"} {
		state, server, client := shake(t, s, &tls.Config{RootCAs: root.Pool()})
		if server != nil || client != nil || state.PeerCertificates[0].Subject.CommonName != want {
			t.Fatalf("want the certificate of %s, got %v, %v", want, server, client)
		}
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBrokenFilesLeaveTheOldOnesInUse(t *testing.T) {
	root := certstest.New(t, "root")
	good, other := root.Issue(t, "good"), root.Issue(t, "other")
	for name, spoil := range map[string]func(f Files) error{
		"certificate cut off":    func(f Files) error { return os.WriteFile(f.Cert, good.Cert[:100], 0o600) },
		"certificate not in PEM": func(f Files) error { return os.WriteFile(f.Cert, []byte("nonsense"), 0o600) },
		"key of another":         func(f Files) error { return os.WriteFile(f.Key, other.Key, 0o600) },
		"key gone":               func(f Files) error { return os.Remove(f.Key) },
		"authorities not in PEM": func(f Files) error { return os.WriteFile(f.CA, []byte("nonsense"), 0o600) },
		"authorities with no sense": func(f Files) error {
			return os.WriteFile(f.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := files(t, root, good)
			s := load(t, f)
			if err := spoil(f); err != nil {
				t.Fatal(err)
			}
			if err := s.Reload(); err == nil || !strings.Contains(err.Error(), ".pem") {
				t.Errorf("want a fault that names a file, got %v", err)
			}
			if _, server, client := shake(t, s, &tls.Config{RootCAs: root.Pool()}); server != nil || client != nil {
				t.Errorf("the old one is not in use: %v, %v", server, client)
			}
			if _, err := Load(f); err == nil {
				t.Error("it is loaded at first")
			}
		})
	}
}

func TestClientsAreVerified(t *testing.T) {
	root, stranger := certstest.New(t, "root"), certstest.New(t, "stranger")
	middle := root.Authority(t, "middle")
	near, far := root.Issue(t, "near").TLS(t), middle.Issue(t, "far").TLS(t)
	far.Certificate = append(far.Certificate, middle.Cert.Raw)
	wrong := stranger.Issue(t, "wrong").TLS(t)
	for name, tt := range map[string]struct {
		verify, require bool
		depth           int
		cert            *tls.Certificate
		refused         bool
	}{
		"not asked":                     {cert: &wrong, depth: -1},
		"asked, has none":               {verify: true, depth: -1},
		"required, has none":            {verify: true, require: true, depth: -1, refused: true},
		"required without verification": {require: true, depth: -1},
		"known":                         {verify: true, require: true, depth: -1, cert: &near},
		"unknown":                       {verify: true, depth: -1, cert: &wrong, refused: true},
		"near enough":                   {verify: true, depth: 0, cert: &near},
		"too far":                       {verify: true, depth: 0, cert: &far, refused: true},
		"far, but near enough":          {verify: true, depth: 1, cert: &far},
	} {
		t.Run(name, func(t *testing.T) {
			f := files(t, root, root.Issue(t, "server"))
			f.Verify, f.Require, f.Depth = tt.verify, tt.require, tt.depth
			config := &tls.Config{RootCAs: root.Pool()}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if tt.cert == nil {
					return new(tls.Certificate), nil
				}
				return tt.cert, nil // though the server does not ask for it
			}
			_, server, client := shake(t, load(t, f), config)
			if (server != nil) != tt.refused || client != nil && !tt.refused {
				t.Errorf("got %v, %v, want refused: %t", server, client, tt.refused)
			}
		})
	}
}

func TestVersionsAreBounded(t *testing.T) {
	root := certstest.New(t, "root")
	f := files(t, root, root.Issue(t, "server"))
	for _, tt := range []struct {
		least, most, client uint16
		ok                  bool
	}{
		{0, 0, tls.VersionTLS11, false},
		{0, 0, tls.VersionTLS12, true},
		{0, 0, tls.VersionTLS13, true},
		{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS10, true},
		{tls.VersionTLS13, tls.VersionTLS13, tls.VersionTLS12, false},
		{tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS13, false},
	} {
		f.Least, f.Most = tt.least, tt.most
		_, server, client := shake(t, load(t, f), &tls.Config{RootCAs: root.Pool(), MinVersion: tt.client, MaxVersion: tt.client})
		if ok := server == nil && client == nil; ok != tt.ok {
			t.Errorf("%x to %x, client %x: got %v, %v", tt.least, tt.most, tt.client, server, client)
		}
	}
}

// RabbitMQ sends what is between the certificate and its root, if it is in
// cacertfile.
func TestTheChainIsCompletedByAuthorities(t *testing.T) {
	root := certstest.New(t, "root")
	middle := root.Authority(t, "middle")
	low := middle.Authority(t, "low")
	f := files(t, root, low.Issue(t, "server"))
	put(t, f.CA, append(append(append([]byte{}, root.PEM...), low.PEM...), middle.PEM...))
	state, server, client := shake(t, load(t, f), &tls.Config{RootCAs: root.Pool()})
	if server != nil || client != nil || len(state.PeerCertificates) != 3 {
		t.Errorf("got %d certificates, %v, %v", len(state.PeerCertificates), server, client)
	}
}

func TestKeysMayBeEncrypted(t *testing.T) {
	root := certstest.New(t, "root")
	p := root.Issue(t, "server")
	f := files(t, root, p)
	der, err := x509.MarshalECPrivateKey(p.Private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte("secret"), x509.PEMCipherAES256) //nolint:staticcheck // what is read is written
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string][]byte{"RFC 1423": pem.EncodeToMemory(block)}
	for _, how := range []string{"-v2 aes-256-cbc", "-v2 aes128 -v2prf hmacWithSHA1", "-v2 des3", "-v2 aes-192-cbc -v2prf hmacWithSHA512"} {
		keys["PKCS #8 "+how] = openssl(t, f.Key, how)
	}
	for name, key := range keys {
		put(t, f.Key, key)
		for password, want := range map[string]string{"secret": "", "": "want its password", "wrong": f.Key} {
			f.Password = password
			_, err := Load(f)
			if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, password %q: got %v, want %q", name, password, err, want)
			}
		}
	}
}

// openssl encrypts a key of PKCS #8 with the password secret.
func openssl(t *testing.T, path, how string) []byte {
	t.Helper()
	args := append([]string{"pkcs8", "-topk8", "-in", path, "-passout", "pass:secret"}, strings.Fields(how)...)
	out, err := exec.CommandContext(t.Context(), "openssl", args...).Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("openssl is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func FuzzEncryptedKeys(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(_ *testing.T, der []byte) { _, _ = decryptPKCS8(der, nil) })
}
