package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
)

// Files are PEM files and what is to be made of them.
type Files struct {
	Cert, Key string // of the server
	Password  string // of the key; empty: it is not encrypted
	CA        string // authorities of clients; empty: those of the system
	Verify    bool   // ask clients for a certificate, and verify it
	Require   bool   // refuse clients without one
	Depth     int    // most certificates between a client's and its root; negative: any number

	// Least and Most are versions of TLS, 0 for the default.
	Least, Most uint16
}

// Store is the files as they were last read without a fault.
type Store struct {
	files   Files
	current atomic.Pointer[tls.Config]
}

// Load reads the files.
func Load(f Files) (*Store, error) {
	s := &Store{files: f}
	return s, s.Reload()
}

// Reload reads the files again. If something is wrong with them, all stays as
// it is.
func (s *Store) Reload() error {
	c, err := s.files.config()
	if err != nil {
		return err
	}
	s.current.Store(c)
	return nil
}

// Config is for listeners: each connection gets what has been read last.
func (s *Store) Config() *tls.Config {
	c := s.current.Load().Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load(), nil }
	return c
}

// Certificate is the one of the server.
func (s *Store) Certificate() *x509.Certificate { return s.current.Load().Certificates[0].Leaf }

// Dirs are the directories of the files, to be watched: files are often
// replaced by others, or by links.
func (s *Store) Dirs() (dirs []string) {
	for _, f := range []string{s.files.Cert, s.files.Key, s.files.CA} {
		if dir := filepath.Dir(f); f != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Touches reports whether a path is one of the files, or the link ..data by
// which Kubernetes replaces all files of a directory.
func (s *Store) Touches(path string) bool {
	return filepath.Base(path) == "..data" || slices.ContainsFunc([]string{s.files.Cert, s.files.Key, s.files.CA}, func(f string) bool {
		return f != "" && filepath.Clean(f) == filepath.Clean(path)
	})
}

// config reads the files.
func (f Files) config() (*tls.Config, error) {
	cert, err := f.certificate()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   max(f.Least, tls.VersionTLS10),
		MaxVersion:   f.Most,
		// Frames gather to whole records; small ones would only cost.
		DynamicRecordSizingDisabled: true,
	}
	if f.Least == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	if !f.Verify {
		return c, nil
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if f.Require {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if f.Depth >= 0 {
		c.VerifyConnection = f.shallow
	}
	if f.CA != "" {
		authorities, err := readCertificates(f.CA)
		if err != nil {
			return nil, err
		}
		c.ClientCAs = x509.NewCertPool()
		for _, a := range authorities {
			c.ClientCAs.AddCert(a)
		}
	}
	return c, nil
}

// certificate reads the server's certificate, its key, and those up to a root.
func (f Files) certificate() (cert tls.Certificate, err error) {
	certPEM, err := os.ReadFile(f.Cert)
	if err != nil {
		return cert, err
	}
	keyPEM, err := os.ReadFile(f.Key)
	if err != nil {
		return cert, err
	}
	if keyPEM, err = decrypt(keyPEM, f.Password); err != nil {
		return cert, fmt.Errorf("%s: %w", f.Key, err)
	}
	cert, err = tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return cert, fmt.Errorf("%s, %s: %w", f.Cert, f.Key, err)
	}
	if f.CA != "" {
		authorities, err := readCertificates(f.CA)
		if err != nil {
			return cert, err
		}
		complete(&cert, authorities)
	}
	return cert, nil
}

// complete adds the certificates between the server's and its root, where the
// file of authorities has them and the server's own has not: RabbitMQ sends
// them too.
func complete(cert *tls.Certificate, authorities []*x509.Certificate) {
	last := cert.Leaf
	if n := len(cert.Certificate); n > 1 {
		last, _ = x509.ParseCertificate(cert.Certificate[n-1])
	}
	for last != nil {
		i := slices.IndexFunc(authorities, func(a *x509.Certificate) bool {
			return !a.Equal(last) && last.CheckSignatureFrom(a) == nil
		})
		if i < 0 || selfSigned(authorities[i]) || len(cert.Certificate) > len(authorities) {
			return
		}
		last = authorities[i]
		cert.Certificate = append(cert.Certificate, last.Raw)
	}
}

func selfSigned(c *x509.Certificate) bool { return c.CheckSignatureFrom(c) == nil }

// shallow refuses clients whose certificates are all further from a root than
// they may be.
func (f Files) shallow(c tls.ConnectionState) error {
	if len(c.VerifiedChains) == 0 {
		return nil
	}
	for _, chain := range c.VerifiedChains {
		if len(chain)-2 <= f.Depth { // neither the client's nor the root counts
			return nil
		}
	}
	return fmt.Errorf("the client's certificate is more than %d away from its root", f.Depth)
}

// readCertificates reads all certificates of a file.
func readCertificates(path string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates(b)
	if err == nil && len(certs) == 0 {
		err = errors.New("want certificates in PEM")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return certs, nil
}
