package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// SocketName is the name of the socket in its directory.
const SocketName = "leveret.sock"

// Errors of Listen and Dial.
var (
	ErrInUse      = errors.New("another broker answers on the socket")
	ErrNotRunning = errors.New("no broker answers on the socket")
)

// Path is where the socket of a broker is that keeps its data in a directory, or,
// if that is empty, nowhere.
func Path(dataDir string) string {
	if dataDir != "" {
		return filepath.Join(dataDir, SocketName)
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, SocketName)
	}
	return filepath.Join(shared(), SocketName)
}

// shared is a directory where anybody may have made one before.
func shared() string { return filepath.Join(os.TempDir(), "leveret-"+strconv.Itoa(os.Getuid())) }

// trusted is the error for a path where somebody else may put a socket of his own,
// and would be told passwords.
func trusted(path string) error {
	dir := filepath.Dir(path)
	if dir != shared() {
		return nil // it was chosen
	}
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir() || info.Mode().Perm()&0o022 != 0 || !mine(info):
		return fmt.Errorf("%s is not a directory that only you can write to: give another place with --socket", dir)
	}
	return nil
}

// Candidates are where commands look for a broker, in this order: where they are
// told, in the data directory that LEVERET_DATA_DIR names, in that which is the
// default, and where a broker without one has it.
func Candidates(told string) []string {
	if told == "" {
		told = os.Getenv("LEVERET_SOCKET")
	}
	if told != "" {
		return []string{told}
	}
	var all []string
	if dir := os.Getenv("LEVERET_DATA_DIR"); dir != "" {
		all = append(all, Path(dir))
	}
	return append(all, Path("leveret-data"), Path(""))
}

// longestPath is what fits into a socket's address, everywhere.
const longestPath = 103

// address is a path that a socket's address has room for, as long as done was
// not called.
func address(path string) (short string, done func(), err error) {
	if len(path) <= longestPath {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path %s is longer than %d bytes: give another one with --socket", path, longestPath)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}

func connect(path string) (net.Conn, error) {
	if err := trusted(path); err != nil {
		return nil, err
	}
	short, done, err := address(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return net.Dial("unix", short)
}

// listen opens the socket, which nobody but its owner can connect to at any
// time. One that a killed broker has left is replaced.
func listen(path string) (l *net.UnixListener, err error) {
	if conn, err := connect(path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("%w %s", ErrInUse, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := trusted(path); err != nil {
		return nil, err
	}
	making := path + "." + strconv.Itoa(os.Getpid())
	for _, left := range []string{path, making} {
		if info, err := os.Lstat(left); err == nil && info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s is there, and no socket", left)
		}
	}
	// In a container, each process that is killed here has had the same number.
	if err := os.Remove(making); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	short, done, err := address(making)
	if err != nil {
		return nil, err
	}
	defer done()
	if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"}); err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(making, 0o600); err == nil {
		err = os.Rename(making, path)
	}
	if err != nil {
		l.Close()
		return nil, errors.Join(err, os.Remove(making))
	}
	return l, nil
}

// NodeName is what RabbitMQ would call a broker on this machine.
func NodeName() string {
	name := os.Getenv("RABBITMQ_NODENAME")
	if name == "" {
		name = "rabbit"
	}
	if strings.Contains(name, "@") {
		return name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	host, _, _ = strings.Cut(host, ".")
	return name + "@" + host
}
