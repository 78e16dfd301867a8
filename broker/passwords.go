package broker

import (
	"crypto/hmac"
	"crypto/md5" // for what RabbitMQ made before 3.6
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/bcrypt"
)

// Names of the ways in which passwords are hashed. Those of RabbitMQ are its own
// names for them: base64 of a salt of four bytes and the digest of salt and
// password.
const (
	HashingSHA256 = "rabbit_password_hashing_sha256"
	HashingSHA512 = "rabbit_password_hashing_sha512"
	HashingMD5    = "rabbit_password_hashing_md5" // is verified, and never made
	HashingBcrypt = "leveret_password_hashing_bcrypt"
)

// hashing is one way to hash passwords. Both functions are pure but for chance.
type hashing struct {
	make     func(password string) string // nil: no more are made
	verify   func(hash, password string) bool
	wellMade func(hash string) bool
}

var hashings = map[string]hashing{
	HashingSHA256: salted(sha256.New),
	HashingSHA512: salted(sha512.New),
	HashingMD5:    {nil, salted(md5.New).verify, salted(md5.New).wellMade},
	HashingBcrypt: {makeBcrypt, verifyBcrypt, wellMadeBcrypt},
}

// Why a password or a hash is refused.
var (
	errBlank     = errors.New("the password is empty")
	errHash      = errors.New("the password hash is not one")
	errAlgorithm = errors.New("unknown hashing algorithm")
)

// HashPassword hashes a password with a salt of chance, as SetUser takes it.
func HashPassword(algorithm, password string) (string, error) {
	h := hashings[algorithm]
	switch {
	case h.make == nil:
		return "", fmt.Errorf("%w '%s'", errAlgorithm, algorithm)
	case password == "":
		return "", errBlank
	}
	return h.make(password), nil
}

// saltSize is how many bytes of salt the hashes of RabbitMQ begin with.
const saltSize = 4

// salted is RabbitMQ's way with a hash function.
func salted(digest func() hash.Hash) hashing {
	sum := func(salt []byte, password string) []byte {
		h := digest()
		h.Write(salt)
		h.Write([]byte(password))
		return h.Sum(salt[:saltSize:saltSize])
	}
	size := saltSize + digest().Size()
	return hashing{
		make: func(password string) string {
			salt := make([]byte, saltSize)
			rand.Read(salt) // never fails
			return base64.StdEncoding.EncodeToString(sum(salt, password))
		},
		verify: func(hash, password string) bool {
			h, err := base64.StdEncoding.DecodeString(hash)
			return err == nil && len(h) == size && subtle.ConstantTimeCompare(h, sum(h[:saltSize], password)) == 1
		},
		wellMade: func(hash string) bool {
			h, err := base64.StdEncoding.DecodeString(hash)
			return err == nil && len(h) == size
		},
	}
}

// bcryptCost makes a hash take some 50 ms.
const bcryptCost = 10

func makeBcrypt(password string) string {
	h, err := bcrypt.GenerateFromPassword(short(password), bcryptCost)
	if err != nil {
		panic(err) // of wrong length or cost
	}
	return string(h)
}

func verifyBcrypt(hash, password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(hash), short(password)) == nil
}

func wellMadeBcrypt(hash string) bool {
	cost, err := bcrypt.Cost([]byte(hash))
	return err == nil && cost <= bcryptCost+4 && len(hash) == len(nobodysHash)
}

// mostForBcrypt is how many bytes of a password bcrypt looks at.
const mostForBcrypt = 72

// short is a password, or one that stands for it if bcrypt would not take it.
func short(password string) []byte {
	if len(password) <= mostForBcrypt {
		return []byte(password)
	}
	sum := sha512.Sum384([]byte(password))
	return base64.StdEncoding.AppendEncode(nil, sum[:])
}

// nobodysHash is verified for users that there are not, so that these take as
// long as others (CONN-12). Its password was thrown away.
const nobodysHash = "$2a$10$lvAbqimFtGbC/RhWINnGe.vUD/pyYgFgGr09U4OitdOuK03AWA.GC"

// digest stands for a password in memory.
type digest [sha256.Size]byte

// digestKey is a key for digests: they are of no use to another process.
type digestKey [32]byte

func newDigestKey() (k digestKey) {
	rand.Read(k[:]) // never fails
	return k
}

func (k *digestKey) digest(password string) (d digest) {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte(password))
	h.Sum(d[:0])
	return d
}
