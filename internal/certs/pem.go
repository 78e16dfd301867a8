package certs

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// parseCertificates takes the certificates out of PEM.
func parseCertificates(b []byte) (certs []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return certs, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
}

// decrypt gives a private key as it is without its password.
func decrypt(key []byte, password string) ([]byte, error) {
	for rest := key; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return key, nil // not encrypted, or not a key: so it will turn out
		}
		if block.Type != "ENCRYPTED PRIVATE KEY" && !encryptedPEM(block) {
			continue
		}
		if password == "" {
			return nil, errors.New("the key is encrypted: want its password")
		}
		plain, err := decryptBlock(block, password)
		if err != nil {
			return nil, fmt.Errorf("the key cannot be decrypted: %w", err)
		}
		return pem.EncodeToMemory(plain), nil
	}
}

// encryptedPEM is for the older way, RFC 1423, where a header says so.
func encryptedPEM(b *pem.Block) bool { return strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") }

func decryptBlock(b *pem.Block, password string) (*pem.Block, error) {
	if b.Type == "ENCRYPTED PRIVATE KEY" {
		der, err := decryptPKCS8(b.Bytes, []byte(password))
		return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, err
	}
	der, err := x509.DecryptPEMBlock(b, []byte(password)) //nolint:staticcheck // weak, but what files have is what files have
	return &pem.Block{Type: b.Type, Bytes: der}, err
}
