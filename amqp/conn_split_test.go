package amqp_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// randomScript is what a client might send on an open connection with a few
// channels: mostly in order, sometimes not.
func randomScript(random *rand.Rand) []byte {
	b := amqptest.Login{FrameMax: 40000}.Bytes()
	for id := range uint16(3) {
		b = amqp.AppendMethod(b, id+1, &amqp.ChannelOpen{})
	}
	for range 1 + random.IntN(30) {
		id := uint16(1 + random.IntN(3))
		switch random.IntN(8) {
		case 0:
			b = amqp.AppendMethod(b, id, &amqp.BasicQos{PrefetchCount: uint16(random.IntN(9))})
		case 1:
			b = amqp.AppendMethod(b, id, &amqp.BasicAck{DeliveryTag: random.Uint64N(5), Multiple: random.IntN(2) == 0})
		case 2:
			b = append(b, heartbeat...)
		case 3:
			if random.IntN(8) == 0 {
				b = amqp.AppendMethod(b, id, softError)
				b = amqp.AppendMethod(b, id, &amqp.ChannelCloseOk{})
				b = amqp.AppendMethod(b, id, &amqp.ChannelOpen{})
			}
		default:
			exchange := []string{"", "x", "x", "x", "x", "x", "x", "missing"}[random.IntN(8)]
			body := pattern([]int{0, 5, 100, 4088, 4089, 33000, 100000}[random.IntN(7)])
			b = append(b, amqptest.Publish(id, &amqp.BasicPublish{Exchange: exchange, RoutingKey: "k"},
				amqp.BasicProperties{}, body, []int{4096, 40000}[random.IntN(2)])...)
		}
	}
	return amqp.AppendMethod(b, 0, &amqp.ConnectionClose{})
}

// mutate changes a script here and there behind its first bytes.
func mutate(random *rand.Rand, b []byte, from int) []byte {
	b = bytes.Clone(b)
	for range random.IntN(4) {
		i := from + random.IntN(len(b)-from)
		switch random.IntN(4) {
		case 0:
			b[i] = byte(random.Uint32())
		case 1:
			b[i] ^= 1 << random.IntN(8)
		case 2:
			b = slices.Delete(b, i, min(i+1+random.IntN(20), len(b)))
		default:
			b = slices.Insert(b, i, bytes.Clone(b[i:min(i+random.IntN(50), len(b))])...)
		}
		if len(b) <= from {
			break
		}
	}
	return b
}

// play sends a script in pieces and returns all that came of it.
func play(t *testing.T, script []byte, cuts []int) (output []byte, publishes, rest []string) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend()
		client, server := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			b.server.ServeConn(server)
		}()
		read := make(chan []byte, 1)
		go func() {
			all, _ := io.ReadAll(client)
			read <- all
		}()
		pieces := make(chan []byte)
		go func() {
			for p := range pieces {
				client.Write(p) // may not be taken
			}
		}()
		synctest.Wait()
		from := 0
		for _, to := range append(cuts, len(script)) {
			select {
			case pieces <- script[from:to]:
			default: // the one before is not taken
			}
			synctest.Wait()
			from = to
		}
		close(pieces)
		client.Close()
		<-served
		output = <-read
		for _, e := range b.took() {
			if strings.HasPrefix(e, "publish") {
				publishes = append(publishes, e)
			} else {
				rest = append(rest, e)
			}
		}
	})
	return output, publishes, rest
}

// However the network cuts what a client sends, it means the same, right or
// wrong.
func TestEverySplitMeansTheSame(t *testing.T) {
	rounds := uint64(120)
	if testing.Short() {
		rounds = 30
	}
	for seed := range rounds {
		random := rand.New(rand.NewPCG(seed, 11))
		script := randomScript(random)
		if seed%4 > 0 {
			script = mutate(random, script, 8)
		}
		output, publishes, rest := play(t, script, nil)
		for range 3 {
			cuts := make([]int, random.IntN(40))
			for i := range cuts {
				cuts[i] = random.IntN(len(script))
			}
			slices.Sort(cuts)
			output2, publishes2, rest2 := play(t, script, cuts)
			if !bytes.Equal(output, output2) || !slices.Equal(publishes, publishes2) || !slices.Equal(rest, rest2) {
				t.Fatalf("seed %d, cut at %v:\n%q\n%q\n%q, in one piece:\n%q\n%q\n%q", seed, cuts,
					output2, publishes2, rest2, output, publishes, rest)
			}
		}
	}
}
