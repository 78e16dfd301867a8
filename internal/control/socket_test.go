package control

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// inTemp has a broker without a data directory keep its socket below a directory
// of the test.
func inTemp(t *testing.T) (path string) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", t.TempDir())
	return Path("")
}

func TestADirectoryThatOthersMayWriteToIsNotTrusted(t *testing.T) {
	path := inTemp(t)
	dir := filepath.Dir(path)
	spoil := map[string]func() error{
		"it is open to all": func() error { return os.Chmod(dir, 0o777) },
		"it is a link": func() error {
			other := filepath.Join(t.TempDir(), "other")
			if err := os.Rename(dir, other); err != nil {
				return err
			}
			return os.Symlink(other, dir)
		},
	}
	if os.Getuid() == 0 {
		spoil["it is somebody else's"] = func() error { return os.Chown(dir, 65534, 65534) }
	}
	for name, spoil := range spoil {
		t.Run(name, func(t *testing.T) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			l, err := listen(path)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if c, err := connect(path); err != nil {
				t.Fatalf("before: %v", err)
			} else {
				c.Close()
			}
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			if c, err := connect(path); err == nil {
				c.Close()
				t.Error("a command trusts the socket")
			} else if !strings.Contains(err.Error(), dir) {
				t.Errorf("got %q, which does not name %s", err, dir)
			}
			l.Close()
			if l, err := listen(path); err == nil {
				l.Close()
				t.Error("a broker opens a socket there")
			}
		})
	}
}

// A broker that was killed while it opened its socket leaves one of its process's
// number, which is always the same in a container.
func TestASocketOfAKilledBrokerIsInNobodysWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), SocketName)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path + "." + strconv.Itoa(os.Getpid()), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
