package amqp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goldenFrame is a frame of testdata/golden. again is what it is encoded to.
type goldenFrame struct {
	name         string // "client basic.publish", "server content-header of basic.deliver"
	frame, again []byte
}

func readGolden(t testing.TB, path string) (frames []goldenFrame) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		switch {
		case line == "" || line[0] == '#':
		case line == "again":
			again = true
		case err != nil:
			frames, again = append(frames, goldenFrame{name: line}), false
		case again:
			last := &frames[len(frames)-1]
			last.again = append(last.again, b...)
		default:
			last := &frames[len(frames)-1]
			last.frame = append(last.frame, b...)
		}
	}
	return frames
}

func TestFramesOfRealClientsSurviveDecodingAndEncoding(t *testing.T) {
	paths, _ := filepath.Glob("testdata/golden/*.txt")
	if len(paths) == 0 {
		t.Fatal("no golden frames")
	}
	for _, path := range paths {
		for _, g := range readGolden(t, path) {
			want := g.again
			if want == nil {
				want = g.frame
			}
			_, what, _ := strings.Cut(g.name, " ")
			channel := binary.BigEndian.Uint16(g.frame[1:])
			payload := g.frame[frameHeaderSize : len(g.frame)-1]
			var got []byte
			if FrameType(g.frame[0]) == FrameHeader {
				got = recodeHeader(t, channel, payload)
			} else {
				m, err := DecodeMethod(payload)
				if err != nil || m.ID().String() != what {
					t.Errorf("%s: %s decoded as %v, %v", path, g.name, m, err)
					continue
				}
				got = AppendMethod(nil, channel, m)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: %s\n got % x\nwant % x", path, g.name, got, want)
			}
		}
	}
}

// recodeHeader takes every property apart and puts it together again.
func recodeHeader(t *testing.T, channel uint16, payload []byte) []byte {
	t.Helper()
	all, err := Properties(payload[contentHeaderSize:]).Decode()
	if err != nil {
		t.Fatal(err)
	}
	return AppendContentHeader(nil, channel, binary.BigEndian.Uint64(payload[4:]), all.Append(nil))
}
