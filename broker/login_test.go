package broker

import (
	"net"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// named is an address of any kind.
type named struct{ network, address string }

func (n named) Network() string { return n.network }
func (n named) String() string  { return n.address }

func TestGuestComesFromThisMachineOnly(t *testing.T) { // CONN-13
	for _, tt := range []struct {
		peer net.Addr
		want bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, true},
		{&net.TCPAddr{IP: net.IPv4(127, 8, 9, 1), Port: 1}, true},
		{&net.TCPAddr{IP: net.ParseIP("::1"), Port: 1}, true},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:127.0.0.1"), Port: 1}, true},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 1}, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, false},
		{&net.UnixAddr{Net: "unix"}, true},
		{named{"pipe", "pipe"}, true},
		{named{"tcp", "203.0.113.9:5672"}, false}, // a wrapper that knows the real peer
		{named{"tcp", "[::ffff:127.0.0.1]:5672"}, true},
		{named{"websocket", "somebody"}, false},
		{nil, false},
	} {
		b := (*backend)(New(Options{}))
		user, err := b.Login(amqp.LoginRequest{Mechanism: "PLAIN", Response: []byte("\x00guest\x00guest"), Peer: tt.peer})
		if (err == nil) != tt.want || (user == "guest") != tt.want {
			t.Errorf("from %v: user %q, %v", tt.peer, user, err)
		}
	}
}

func TestWhoMayLogIn(t *testing.T) {
	away := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	for _, tt := range []struct {
		name           string
		options        Options
		user, password string
		want           bool
	}{
		{"both given", Options{DefaultUser: "app", DefaultPass: "secret"}, "app", "secret", true},
		{"wrong password", Options{DefaultUser: "app", DefaultPass: "secret"}, "app", "Secret", false},
		{"guest has gone", Options{DefaultUser: "app", DefaultPass: "secret"}, "guest", "guest", false},
		{"a user without password", Options{DefaultUser: "app"}, "app", "", false},
		{"guest is no password for others", Options{DefaultUser: "app"}, "app", "guest", false},
		{"a password alone is guest's", Options{DefaultPass: "secret"}, "", "secret", false},
		{"who is not from here", Options{DefaultPass: "secret"}, "guest", "secret", false},
	} {
		b := (*backend)(New(tt.options))
		_, err := b.Login(amqp.LoginRequest{
			Mechanism: "PLAIN", Response: []byte("\x00" + tt.user + "\x00" + tt.password), Peer: away,
		})
		if (err == nil) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestOptionsAreWhatCanBeOffered(t *testing.T) {
	for _, tt := range []struct {
		options   Options
		frameMax  uint32
		heartbeat time.Duration
	}{
		{Options{}, 131072, time.Minute},
		{Options{FrameMax: 100, Heartbeat: time.Millisecond}, amqp.MinFrameMax, time.Second},
		{Options{FrameMax: 5000, Heartbeat: 1400 * time.Millisecond}, 5000, time.Second},
		{Options{Heartbeat: 1000 * time.Hour}, 131072, 65535 * time.Second},
		{Options{Heartbeat: -1}, 131072, 0},
	} {
		c := tt.options.withDefaults().serverConfig()
		if c.FrameMax != tt.frameMax || c.Heartbeat != tt.heartbeat {
			t.Errorf("%+v: frame_max %d, heartbeat %v", tt.options, c.FrameMax, c.Heartbeat)
		}
	}
}
