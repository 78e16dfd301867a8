package amqp

import "testing"

// The hot methods and the properties must cost no allocation: a method is
// decoded again and again into one struct, and most publishes of a connection
// go to the same names.

func BenchmarkDecodePublish(b *testing.B) {
	benchmarkDecode(b, new(BasicPublish), &BasicPublish{Exchange: "exchange", RoutingKey: "routing.key"})
}

func BenchmarkDecodeAck(b *testing.B) {
	benchmarkDecode(b, new(BasicAck), &BasicAck{DeliveryTag: 1 << 40, Multiple: true})
}

func BenchmarkDecodeDeliver(b *testing.B) {
	benchmarkDecode(b, new(BasicDeliver), deliver())
}

func deliver() *BasicDeliver {
	return &BasicDeliver{ConsumerTag: "amq.ctag-1", DeliveryTag: 1 << 40, Exchange: "exchange", RoutingKey: "routing.key"}
}

func benchmarkDecode(b *testing.B, m, sample Method) {
	payload := payloadOf(sample)
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(m, payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePublishToChangingKeys(b *testing.B) {
	payloads := [][]byte{
		payloadOf(&BasicPublish{Exchange: "exchange", RoutingKey: "routing.key.1"}),
		payloadOf(&BasicPublish{Exchange: "exchange", RoutingKey: "routing.key.2"}),
	}
	m := new(BasicPublish)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := Decode(m, payloads[i&1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendPublish(b *testing.B) {
	benchmarkAppend(b, &BasicPublish{Exchange: "exchange", RoutingKey: "routing.key"})
}

func BenchmarkAppendAck(b *testing.B) {
	benchmarkAppend(b, &BasicAck{DeliveryTag: 1 << 40, Multiple: true})
}

func BenchmarkAppendDeliver(b *testing.B) { benchmarkAppend(b, deliver()) }

func benchmarkAppend(b *testing.B, m Method) {
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMethod(buf[:0], 1, m)
	}
}

func BenchmarkCheckProperties(b *testing.B) {
	for _, bm := range []struct {
		name string
		p    BasicProperties
	}{
		{"persistent", BasicProperties{DeliveryMode: 2}},
		{"all", every},
	} {
		b.Run(bm.name, func(b *testing.B) {
			p := Properties(bm.p.Append(nil))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadExpirationBehindHeaders(b *testing.B) {
	p := Properties((&BasicProperties{Headers: oneOfEach, Expiration: "60000"}).Append(nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := p.Expiration(); !ok {
			b.Fatal("absent")
		}
	}
}

func TestHotMethodsDoNotAllocate(t *testing.T) {
	for _, tt := range []struct {
		name string
		into Method
		from Method
	}{
		{"publish", new(BasicPublish), &BasicPublish{Exchange: "exchange", RoutingKey: "routing.key"}},
		{"ack", new(BasicAck), &BasicAck{DeliveryTag: 1}},
		{"deliver", new(BasicDeliver), deliver()},
	} {
		payload := payloadOf(tt.from)
		buf := make([]byte, 0, 256)
		allocs := testing.AllocsPerRun(100, func() {
			_ = Decode(tt.into, payload)
			buf = AppendMethod(buf[:0], 1, tt.from)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", tt.name, allocs)
		}
	}
}
