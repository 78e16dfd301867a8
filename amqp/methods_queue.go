package amqp

// QueueDeclare is queue.declare (50,10), client to server, answered by QueueDeclareOk.
type QueueDeclare struct {
	_          uint16 // reserved-1
	Queue      string
	Passive    bool
	Durable    bool
	Exclusive  bool
	AutoDelete bool
	NoWait     bool
	Arguments  Table
}

// QueueDeclareOk is queue.declare-ok (50,11), server to client.
type QueueDeclareOk struct {
	Queue         string
	MessageCount  uint32 // ready to be delivered
	ConsumerCount uint32
}

// QueueBind is queue.bind (50,20), client to server, answered by QueueBindOk.
type QueueBind struct {
	_          uint16 // reserved-1
	Queue      string
	Exchange   string
	RoutingKey string
	NoWait     bool
	Arguments  Table
}

// QueueBindOk is queue.bind-ok (50,21), server to client.
type QueueBindOk struct{}

// QueuePurge is queue.purge (50,30), client to server, answered by QueuePurgeOk.
type QueuePurge struct {
	_      uint16 // reserved-1
	Queue  string
	NoWait bool
}

// QueuePurgeOk is queue.purge-ok (50,31), server to client.
type QueuePurgeOk struct {
	MessageCount uint32
}

// QueueDelete is queue.delete (50,40), client to server, answered by QueueDeleteOk.
type QueueDelete struct {
	_        uint16 // reserved-1
	Queue    string
	IfUnused bool
	IfEmpty  bool
	NoWait   bool
}

// QueueDeleteOk is queue.delete-ok (50,41), server to client.
type QueueDeleteOk struct {
	MessageCount uint32
}

// QueueUnbind is queue.unbind (50,50), client to server, answered by QueueUnbindOk.
type QueueUnbind struct {
	_          uint16 // reserved-1
	Queue      string
	Exchange   string
	RoutingKey string
	Arguments  Table
}

// QueueUnbindOk is queue.unbind-ok (50,51), server to client.
type QueueUnbindOk struct{}
