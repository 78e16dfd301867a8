package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/internal/certs"
	"github.com/leveretmq/leveret/internal/config"
)

// settleTime is how long files must have been at rest to be read again: a
// certificate and its key change one after the other.
const settleTime = 200 * time.Millisecond

var tlsVersions = map[string]uint16{
	"tlsv1": tls.VersionTLS10, "tlsv1.1": tls.VersionTLS11, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13,
}

// tlsFiles are the ssl_options.
func tlsFiles(set *config.Set) (certs.Files, error) {
	f := certs.Files{
		Cert:     set.Text("ssl_options.certfile"),
		Key:      set.Text("ssl_options.keyfile"),
		CA:       set.Text("ssl_options.cacertfile"),
		Password: set.Text("ssl_options.password"),
		Verify:   set.Text("ssl_options.verify") == "verify_peer",
		Require:  set.Bool("ssl_options.fail_if_no_peer_cert"),
		Depth:    -1,
	}
	if f.Require && !f.Verify { // else nobody would be refused
		return f, fmt.Errorf("%s: ssl_options.fail_if_no_peer_cert: want ssl_options.verify to be verify_peer with it",
			set.Origin("ssl_options.fail_if_no_peer_cert"))
	}
	if set.Has("ssl_options.depth") {
		f.Depth = int(set.Number("ssl_options.depth"))
	}
	var versions []uint16
	for _, name := range set.Texts("ssl_options.versions") {
		versions = append(versions, tlsVersions[name])
	}
	slices.Sort(versions)
	if n := len(slices.Compact(versions)); n > 0 {
		f.Least, f.Most = versions[0], versions[n-1]
		if int(f.Most-f.Least) != n-1 {
			return f, errors.New("ssl_options.versions: want versions that follow each other")
		}
	}
	return f, nil
}

// listenTLS is where to listen with TLS: on the usual port, if a flag or a
// variable gives a certificate and nobody says where.
func listenTLS(set *config.Set) []string {
	if set.Given("ssl_options.certfile") && !set.Origin("ssl_options.certfile").IsFile() && !set.GivenBelow("listeners.ssl") {
		return []string{":5671"}
	}
	return set.Texts("listeners.ssl")
}

// certificates are what TLS listeners show, kept up to date.
type certificates struct {
	*certs.Store
	watcher *fsnotify.Watcher
	log     zerolog.Logger

	// changed is due when files have changed and are at rest.
	changed *time.Timer
}

// loadCertificates reads the files and watches them.
func loadCertificates(f certs.Files, log zerolog.Logger) (*certificates, error) {
	if f.Cert == "" || f.Key == "" {
		return nil, errors.New("listeners.ssl: want ssl_options.certfile and ssl_options.keyfile")
	}
	store, err := certs.Load(f)
	if err != nil {
		return nil, fmt.Errorf("ssl_options: %w", err)
	}
	c := &certificates{Store: store, log: log, changed: time.NewTimer(settleTime)}
	c.changed.Stop()
	if c.watcher, err = fsnotify.NewWatcher(); err != nil {
		return nil, fmt.Errorf("ssl_options: files cannot be watched: %w", err)
	}
	for _, dir := range store.Dirs() {
		if err := c.watcher.Add(dir); err != nil {
			return nil, errors.Join(fmt.Errorf("ssl_options: %s cannot be watched: %w", filepath.Clean(dir), err), c.watcher.Close())
		}
	}
	return c, nil
}

// fileEvents are nil where there is nothing to watch.
type fileEvents struct {
	touched <-chan fsnotify.Event
	failed  <-chan error
	settled <-chan time.Time
}

func (c *certificates) events() fileEvents {
	if c == nil {
		return fileEvents{}
	}
	return fileEvents{c.watcher.Events, c.watcher.Errors, c.changed.C}
}

// touched waits for files to be at rest that have changed.
func (c *certificates) touched(e fsnotify.Event) {
	if c.Touches(e.Name) {
		c.changed.Reset(settleTime)
	}
}

// reload has new connections see what the files say now. Those that are open
// go on as they are.
func (c *certificates) reload() {
	if c == nil {
		return
	}
	switch err := c.Reload(); {
	case err != nil:
		c.log.Error().Err(err).Msg("TLS certificates could not be read again: the old ones stay in use")
	default:
		cert := c.Certificate()
		c.log.Info().Str("subject", cert.Subject.String()).Time("until", cert.NotAfter).Msg("TLS certificates were read again")
	}
}

func (c *certificates) close() {
	c.changed.Stop()
	c.watcher.Close()
}
