package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client asks a broker to carry out commands.
type Client struct {
	http http.Client
	path string
}

// Dial looks for a broker that answers at one of several paths. The error is
// ErrNotRunning if there is none.
func Dial(paths []string) (*Client, error) {
	var errs []error
	for _, path := range paths {
		conn, err := connect(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		first := conn
		c := &Client{path: path}
		c.http.Transport = &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				if conn := first; conn != nil {
					first = nil
					return conn, nil
				}
				return connect(path)
			},
			MaxConnsPerHost: 1,
		}
		return c, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrNotRunning, errors.Join(errs...))
}

// Await looks for a broker until one answers, or ctx ends: then the error is that
// of Dial.
func Await(ctx context.Context, paths []string) (*Client, error) {
	for wait := time.NewTimer(0); ; wait.Reset(again) {
		c, err := Dial(paths)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, context.Cause(ctx))
		case <-wait.C:
		}
	}
}

// again is how long it takes to look again for a broker that is just starting:
// nothing tells that a socket has come.
const again = 50 * time.Millisecond

// Close ends its connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call has a command carried out. progress, unless it is nil, is told how far it
// has come. The error is an [Error] if the broker refuses it.
func (c *Client) Call(ctx context.Context, name string, arguments url.Values, progress func(Progress)) (json.RawMessage, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://leveret/"+name, strings.NewReader(arguments.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return nil, &Error{Unsupported, strings.TrimSpace(string(text))}
	}
	for in := bufio.NewReader(answer.Body); ; {
		b, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(b)) == 0 && err != nil {
			return nil, fmt.Errorf("the broker has gone: %w", err)
		}
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			return nil, fmt.Errorf("the broker's answer: %w", err)
		}
		switch {
		case l.Error != nil:
			return nil, l.Error
		case l.Progress == nil:
			return l.Result, nil
		case progress != nil:
			progress(*l.Progress)
		}
	}
}
