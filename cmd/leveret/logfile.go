package main

import (
	"os"
	"sync"

	"github.com/rs/zerolog"
)

// logFile is a file that the log is appended to.
type logFile struct {
	path string

	mu sync.Mutex // guards what follows
	f  *os.File
}

func openLogFile(path string) (*logFile, error) {
	l := &logFile{path: path}
	return l, l.reopen()
}

// reopen goes on with a new file where the old one has been moved away.
func (l *logFile) reopen() error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f != nil {
		l.f.Close()
	}
	l.f = f
	return nil
}

// Write implements io.Writer.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Write(p)
}

// hangUp is what SIGHUP does.
func (l *logFile) hangUp(log zerolog.Logger) {
	if l == nil {
		return
	}
	if err := l.reopen(); err != nil {
		log.Error().Err(err).Msg("the log goes on in the old file")
		return
	}
	log.Info().Msg("log files were opened anew")
}

func (l *logFile) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.f.Close()
}
