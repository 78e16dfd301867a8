package broker

import (
	"errors"
	"strings"
	"testing"
)

// Hashes that RabbitMQ has made.
func TestHashesOfRabbitMQAreVerified(t *testing.T) {
	for _, tt := range []struct{ algorithm, hash, password string }{
		{HashingSHA256, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", "test12"},
		{HashingSHA256, "27cx5+wEi8R8uwTeTr3hk5azuV3yYxxAtwPPhCyrbdsxVhqq", "foobarbaz"},
		{HashingSHA512, "kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8OWMy7EB8TaOmAzjP2azv84GbINYwX2cDWb4DHnc=", "test12"},
		{HashingMD5, "kI3GChNpte2FApYFXScl+0dIluk=", "test12"},
	} {
		if err := checkHash(tt.hash, tt.algorithm); err != nil {
			t.Errorf("%+v: %v", tt, err)
		}
		verify := hashings[tt.algorithm].verify
		if !verify(tt.hash, tt.password) {
			t.Errorf("%+v is not verified", tt)
		}
		for _, wrong := range []string{"", "Test12", tt.password + "x", tt.password[1:]} {
			if verify(tt.hash, wrong) {
				t.Errorf("%+v is verified with %q", tt, wrong)
			}
		}
	}
}

func TestWhatIsHashedIsVerified(t *testing.T) {
	long := strings.Repeat("p", 71)
	for _, algorithm := range []string{HashingSHA256, HashingSHA512, HashingBcrypt} {
		for _, password := range []string{"p", "pässwörd\x00 x", long + "1", long + "12"} {
			h, err := HashPassword(algorithm, password)
			if err != nil || checkHash(h, algorithm) != nil {
				t.Fatalf("%s: %q, %v", algorithm, h, err)
			}
			if again, _ := HashPassword(algorithm, password); again == h {
				t.Errorf("%s has no salt", algorithm)
			}
			verify := hashings[algorithm].verify
			if !verify(h, password) || verify(h, password+"3") || verify(h, "") {
				t.Errorf("%s of %q is verified wrongly", algorithm, password)
			}
		}
	}
}

func TestWhatCannotBeHashed(t *testing.T) {
	for _, tt := range []struct {
		algorithm, password string
		want                error
	}{
		{HashingSHA256, "", errBlank},
		{HashingMD5, "p", errAlgorithm},
		{"", "p", errAlgorithm},
		{"rot13", "p", errAlgorithm},
	} {
		if h, err := HashPassword(tt.algorithm, tt.password); !errors.Is(err, tt.want) || h != "" {
			t.Errorf("%+v: %q, %v", tt, h, err)
		}
	}
}

func TestWhatIsNoHashIsRefused(t *testing.T) {
	for _, tt := range []struct {
		algorithm, hash string
		want            error
	}{
		{HashingSHA256, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2PO", errHash},
		{HashingSHA256, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENU=", errHash},
		{HashingSHA256, "test12", errHash},
		{HashingSHA512, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", errHash},
		{HashingBcrypt, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", errHash},
		{HashingBcrypt, strings.Replace(nobodysHash, "$10$", "$31$", 1), errHash}, // hours of work
		{"rot13", "x", errAlgorithm},
		{HashingBcrypt, nobodysHash, nil},
	} {
		if err := checkHash(tt.hash, tt.algorithm); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
