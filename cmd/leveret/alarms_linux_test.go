package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestPublishersAreHeldUpWhileTheDiskIsNearlyFull(t *testing.T) {
	disk := smallDisk(t, "size=512m")
	_, out, url := serveProcess(t, "--data-dir="+filepath.Join(disk, "data"), "--disk-free-limit=100MiB")
	_, ch := openChannel(t, url)
	if _, err := ch.QueueDeclare("q", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(disk, "other")
	if err := os.WriteFile(other, make([]byte, 380<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startPublisher(t, url, make([]byte, 1000))
	if b := p.await(t); !b.Active || b.Reason != "low on disk" {
		t.Fatalf("told %+v", b)
	}
	awaitLine(t, out, "Free disk space is insufficient. Free bytes: ")
	awaitLine(t, out, "disk resource limit alarm set")
	if d, ok, err := ch.Get("q", true); err != nil || !ok || len(d.Body) != 1000 {
		t.Errorf("a consumer does not go on: %t, %v", ok, err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if b := p.await(t); b.Active {
		t.Fatalf("told %+v", b)
	}
	awaitLine(t, out, "Free disk space is sufficient. Free bytes: ")
	awaitLine(t, out, "disk resource limit alarm cleared")
	if err := <-p.done; err != nil {
		t.Error(err)
	}
}

func TestADiskThatIsNearlyFullIsNoticedBeforeTheFirstPublish(t *testing.T) {
	disk := smallDisk(t, "size=64m")
	_, _, url := serveProcess(t, "--data-dir="+filepath.Join(disk, "data"), "--disk-free-limit=1GB")
	if b := startPublisher(t, url, nil).await(t); !b.Active || b.Reason != "low on disk" {
		t.Errorf("told %+v", b)
	}
}
