package certs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// Encrypted keys of PKCS #8 as OpenSSL writes them: PBES2 of RFC 8018, with
// PBKDF2 and AES or triple DES in CBC mode.

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// ciphers and digests are by their object identifiers.
var (
	ciphers = map[string]struct {
		keyLen int
		block  func(key []byte) (cipher.Block, error)
	}{
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	}
	digests = map[string]func() hash.Hash{
		"":                    sha1.New, // the default
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
)

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct{ Derivation, Cipher pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLen     int                      `asn1:"optional"`
	Digest     pkix.AlgorithmIdentifier `asn1:"optional"`
}

// maxIterations bounds the time that a wrong file takes.
const maxIterations = 10_000_000

// decryptPKCS8 gives the key in DER.
func decryptPKCS8(der, password []byte) ([]byte, error) {
	var outer encryptedKey
	var scheme pbes2
	var kdf pbkdf2Params
	var iv []byte
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil, err
	}
	if !outer.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("want PBES2, got %v", outer.Algorithm.Algorithm)
	}
	if _, err := asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, err
	}
	if !scheme.Derivation.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("want PBKDF2, got %v", scheme.Derivation.Algorithm)
	}
	if _, err := asn1.Unmarshal(scheme.Derivation.Parameters.FullBytes, &kdf); err != nil {
		return nil, err
	}
	if _, err := asn1.Unmarshal(scheme.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, err
	}
	c, known := ciphers[scheme.Cipher.Algorithm.String()]
	digest := digests[kdf.Digest.Algorithm.String()]
	if !known || digest == nil || kdf.Iterations > maxIterations {
		return nil, fmt.Errorf("want AES or triple DES with SHA-1 or SHA-2, got %v with %v", scheme.Cipher.Algorithm, kdf.Digest.Algorithm)
	}
	key, err := pbkdf2.Key(digest, string(password), kdf.Salt, kdf.Iterations, c.keyLen)
	if err != nil {
		return nil, err
	}
	block, err := c.block(key)
	if err != nil {
		return nil, err
	}
	return unpad(block, iv, outer.Data)
}

// unpad decrypts, and takes off the padding, by which a wrong password shows.
func unpad(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("want whole blocks")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	n := int(plain[len(plain)-1])
	if n == 0 || n > size {
		return nil, errors.New("the password is wrong")
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, errors.New("the password is wrong")
		}
	}
	return plain[:len(plain)-n], nil
}
