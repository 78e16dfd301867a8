package dropin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// anyPort has the broker listen on a port that is free.
const anyPort = "LEVERET_LISTEN=127.0.0.1:0"

// Everybody's rule is met, with what everybody sets, and then a program can connect
// (section 1.5 of the survey of modules: log lines and readiness).
func TestModulesFindItReady(t *testing.T) {
	for _, tt := range []struct {
		name    string
		env     []string
		file    string // that RABBITMQ_CONFIG_FILE names
		content string
		ready   string
		login   string
	}{
		{
			"testcontainers-go",
			[]string{"RABBITMQ_DEFAULT_USER=guest", "RABBITMQ_DEFAULT_PASS=guest"},
			"rabbitmq-testcontainers.conf", "# Injected by testcontainers\ndefault_user = guest\ndefault_pass = guest\n",
			`.*Server startup complete.*`, "guest:guest",
		},
		{
			"testcontainers-go, another user",
			[]string{"RABBITMQ_DEFAULT_USER=guest", "RABBITMQ_DEFAULT_PASS=guest"},
			"rabbitmq-testcontainers.conf", "# Injected by testcontainers\ndefault_user = admin\ndefault_pass = password\n",
			`.*Server startup complete.*`, "guest:guest", // variables win over the file
		},
		{
			"testcontainers-java",
			[]string{"RABBITMQ_DEFAULT_USER=guest", "RABBITMQ_DEFAULT_PASS=guest"},
			"", "", `^.*Server startup complete.*$`, "guest:guest",
		},
		{
			"testcontainers-java, with a file",
			[]string{"RABBITMQ_DEFAULT_USER=guest", "RABBITMQ_DEFAULT_PASS=guest"},
			"rabbitmq-custom.conf", "log.console = true\nlog.console.level = debug\n", `.*debug.*`, "guest:guest",
		},
		{
			"testcontainers-node",
			[]string{"RABBITMQ_DEFAULT_USER=guest", "RABBITMQ_DEFAULT_PASS=guest"},
			"", "", `Server startup complete`, "guest:guest",
		},
		{
			"testcontainers-dotnet",
			[]string{"RABBITMQ_DEFAULT_USER=rabbitmq", "RABBITMQ_DEFAULT_PASS=rabbitmq"},
			"", "", `Server startup complete`, "rabbitmq:rabbitmq",
		},
		{"testcontainers-rs", nil, "", "", `Server startup complete`, "guest:guest"},
		{"waits of users", nil, "", "", `^.*Server startup complete;.*$`, "guest:guest"},
		{
			"compose files",
			[]string{"RABBITMQ_DEFAULT_USER=user", "RABBITMQ_DEFAULT_PASS=password", "RABBITMQ_DEFAULT_VHOST=my_vhost", "RABBITMQ_ERLANG_COOKIE=secret"},
			"", "", `Server startup complete`, "user:password",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{anyPort}, tt.env...)
			if tt.file != "" {
				path := filepath.Join(t.TempDir(), tt.file)
				if err := os.WriteFile(path, []byte(tt.content), 0o644); err != nil {
					t.Fatal(err)
				}
				env = append(env, "RABBITMQ_CONFIG_FILE="+path)
			}
			s := start(t, env...)
			s.await(tt.ready)
			vhost := "/"
			for _, v := range tt.env {
				if name, ok := strings.CutPrefix(v, "RABBITMQ_DEFAULT_VHOST="); ok {
					vhost = "/" + name
				}
			}
			s.greet("amqp://" + tt.login + "@" + s.addr() + vhost)
			if out, status := s.run("rabbitmq-diagnostics", "-q", "ping"); status != 0 || !strings.Contains(out, "Ping succeeded") {
				t.Errorf("the health check says %q and exits with %d", out, status)
			}
		})
	}
}

// RabbitMQ takes the name of its file with and without the suffix.
func TestTheConfigurationFileNeedsNoSuffix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rabbitmq-custom")
	if err := os.WriteFile(path+".conf", []byte("default_user = somebody\ndefault_pass = secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := start(t, anyPort, "RABBITMQ_CONFIG_FILE="+path)
	s.await(`Server startup complete`)
	s.greet("amqp://somebody:secret@" + s.addr() + "/")
}

// The words are there whatever the format of the log: modules read lines.
func TestReadinessIsPlainInEveryFormat(t *testing.T) {
	for _, format := range []string{"json", "plaintext"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "rabbitmq.conf")
			if err := os.WriteFile(path, []byte("log.console.formatter = "+format+"\nlog.console.level = error\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			s := start(t, anyPort, "RABBITMQ_CONFIG_FILE="+path)
			s.await(`^.*Server startup complete;.*$`)
		})
	}
}

// testcontainers-python waits for no line: it tries to connect to the port that it
// has set until it can, and gives up at anything but a refusal.
func TestAModuleThatDoesNotReadTheLog(t *testing.T) {
	port := freePort(t)
	url := "amqp://user:password@127.0.0.1:" + port + "/tests"
	if _, err := amqp.Dial(url); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Skipf("SKIPPED: somebody has taken port %s: %v", port, err)
	}
	s := start(t, "RABBITMQ_NODE_PORT="+port, "RABBITMQ_DEFAULT_USER=user", "RABBITMQ_DEFAULT_PASS=password", "RABBITMQ_DEFAULT_VHOST=tests")
	s.await(`started TCP listener on \S+:` + port + `$`)
	s.greet(url)
}

// testcontainers-go with TLS waits for two lines, the second of which is literal.
func TestTheModuleWithTLS(t *testing.T) {
	port, dir := freePort(t), t.TempDir()
	authority := certify(t, dir)
	conf := "# Injected by testcontainers\ndefault_user = guest\ndefault_pass = guest\nlisteners.tcp = none\nlisteners.ssl.default = " + port + `
ssl_options.cacertfile = ` + dir + `/ca_cert.pem
ssl_options.certfile = ` + dir + `/rabbitmq_cert.pem
ssl_options.keyfile = ` + dir + `/rabbitmq_key.pem
ssl_options.depth = 1
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
`
	path := filepath.Join(dir, "rabbitmq-testcontainers.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	s := start(t, "RABBITMQ_CONFIG_FILE="+path, "RABBITMQ_DEFAULT_USER=guest", "RABBITMQ_DEFAULT_PASS=guest")
	s.await(`.*Server startup complete.*`)
	if literal := "started TLS (SSL) listener on [::]:" + port; !strings.Contains(s.said(), literal) {
		t.Errorf("it did not say %q", literal)
	}
	if strings.Contains(s.said(), "started TCP listener") {
		t.Error("it listens without TLS as well")
	}
	conn, err := amqp.DialTLS("amqps://guest:guest@localhost:"+port+"/", &tls.Config{RootCAs: authority})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := talk(conn); err != nil {
		t.Error(err)
	}
}

// certify writes a certificate for localhost that signs itself, with its key.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{
		"ca_cert.pem": certificate, "rabbitmq_cert.pem": certificate,
		"rabbitmq_key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
}
