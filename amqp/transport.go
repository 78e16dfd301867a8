package amqp

import (
	"crypto/tls"
	"fmt"
	"net"
)

// cut closes a connection at once. One with TLS would first tell its peer, and
// wait for a peer that does not read.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	conn.Close()
}

// writeGathered writes pieces by as few calls as chunks hold them.
func (o *Outbox) writeGathered(pieces [][]byte) (written int64, err error) {
	chunk := chunks.Get().(*[chunkSize]byte)
	defer chunks.Put(chunk)
	write := func(b []byte) {
		n, e := o.conn.Write(b)
		written, err = written+int64(n), e
	}
	held := 0
	for _, p := range pieces {
		for len(p) > 0 && err == nil {
			if held == 0 && len(p) >= chunkSize {
				write(p)
				break
			}
			n := copy(chunk[held:], p)
			p, held = p[n:], held+n
			if held == chunkSize {
				write(chunk[:])
				held = 0
			}
		}
	}
	if held > 0 && err == nil {
		write(chunk[:held])
	}
	return written, err
}

// foreign describes what came instead of a protocol header.
func foreign(header string) error {
	if header[0] == 22 && header[1] == 3 { // a handshake record of TLS
		return fmt.Errorf("%w: the client speaks TLS, on a port without it", errProtocol)
	}
	return fmt.Errorf("%w: %q", errProtocol, header)
}
