package broker

import (
	"fmt"
	"testing"
)

// BenchmarkImport imports 20,000 queues with a binding each, once into a broker
// without any and once into one that has them all.
func BenchmarkImport(b *testing.B) {
	const n = 20_000
	v := VhostDefinitions{Name: "/"}
	for i := range n {
		name := fmt.Sprintf("queue-%d", i)
		v.Queues = append(v.Queues, Queue{Name: name, Durable: true})
		v.Bindings = append(v.Bindings, Binding{Source: "amq.topic", Destination: name, RoutingKey: name})
	}
	d := Definitions{Vhosts: []VhostDefinitions{v}}
	for _, dir := range []bool{false, true} {
		b.Run(fmt.Sprintf("disk=%v", dir), func(b *testing.B) {
			for b.Loop() {
				var o Options
				if dir {
					o.DataDir = b.TempDir()
				}
				broker, err := Open(o)
				must(b, err)
				for range 2 {
					_, err := broker.Import(d, nil)
					must(b, err)
				}
				must(b, broker.Shutdown(b.Context()))
			}
		})
	}
}
