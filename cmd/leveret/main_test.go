package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// runMain in the environment makes the test binary be the command.
const runMain = "LEVERET_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestCommandLineMistakesAreErrors(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"unknown command":     {[]string{"server"}, `unknown command "server"`},
		"unknown flag":        {[]string{"serve", "--port=5672"}, "flag provided but not defined: -port"},
		"stray argument":      {[]string{"serve", ":5672"}, `unexpected argument ":5672"`},
		"value of wrong type": {[]string{"serve", "--frame-max=big"}, `--frame-max: want 4096 to 2147483647 bytes, got "big"`},
		"unknown global flag": {[]string{"--verbose"}, "flag provided but not defined: -verbose"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := newApp(io.Discard).RunContext(t.Context(), append([]string{"leveret"}, tt.args...))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestVersionNamesProgramAndPlatform(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		var out bytes.Buffer
		if err := newApp(&out).RunContext(t.Context(), []string{"leveret", arg}); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.HasPrefix(got, "leveret ") || !strings.Contains(got, "(go1.") {
			t.Errorf("%s: got %q", arg, got)
		}
	}
}

func TestFirstSignalStopsGracefully(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, out := startProcess(t)
			awaitLine(t, out, "Server startup complete")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			awaitLine(t, out, "stopped")
			if err := cmd.Wait(); err != nil {
				t.Errorf("ended with %v, want exit code 0", err)
			}
		})
	}
}

// A client that never answers connection.close delays the stop; a second
// signal does not wait for it.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	cmd, out := startProcess(t)
	conn, err := net.Dial("tcp", awaitAddress(t, out))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	openRaw(t, conn)

	for _, stage := range []string{"stopping", ""} {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if stage != "" {
			awaitLine(t, out, stage)
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("ended with %v, want a signal", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v, want SIGTERM", exit)
	}
}

func TestMistakesEndTheProcessWithOne(t *testing.T) {
	cmd := command(t, "serve", "--channel-max=65536")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v, want exit code 1", err)
	}
	if want := "leveret: --channel-max: want 0 to 65535, got \"65536\"\n"; string(out) != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

// command runs this test binary as leveret.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), runMain+"=1")
	return cmd
}

func startProcess(t *testing.T) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := command(t, "serve", "--listen=127.0.0.1:0", "--data-dir="+t.TempDir())
	return cmd, startCommand(t, cmd)
}

// startCommand starts a process and returns its output.
func startCommand(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// awaitAddress reads output up to where it listens.
func awaitAddress(t *testing.T, out *bufio.Scanner) string {
	t.Helper()
	_, addr, _ := strings.Cut(awaitLine(t, out, "started TCP listener on "), "listener on ")
	addr, _, _ = strings.Cut(addr, `"`)
	return addr
}

// awaitLine reads output up to a line that contains text, and returns it.
func awaitLine(t *testing.T, out *bufio.Scanner, text string) string {
	t.Helper()
	for out.Scan() {
		if strings.Contains(out.Text(), text) {
			return out.Text()
		}
	}
	t.Fatalf("the output ended before %q", text)
	return ""
}
