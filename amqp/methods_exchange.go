package amqp

// ExchangeDeclare is exchange.declare (40,10), client to server, answered by ExchangeDeclareOk.
type ExchangeDeclare struct {
	_          uint16 // reserved-1
	Exchange   string
	Type       string
	Passive    bool
	Durable    bool
	AutoDelete bool
	Internal   bool
	NoWait     bool
	Arguments  Table
}

// ExchangeDeclareOk is exchange.declare-ok (40,11), server to client.
type ExchangeDeclareOk struct{}

// ExchangeDelete is exchange.delete (40,20), client to server, answered by ExchangeDeleteOk.
type ExchangeDelete struct {
	_        uint16 // reserved-1
	Exchange string
	IfUnused bool
	NoWait   bool
}

// ExchangeDeleteOk is exchange.delete-ok (40,21), server to client.
type ExchangeDeleteOk struct{}

// ExchangeBind is exchange.bind (40,30), client to server, answered by ExchangeBindOk.
type ExchangeBind struct {
	_           uint16 // reserved-1
	Destination string
	Source      string
	RoutingKey  string
	NoWait      bool
	Arguments   Table
}

// ExchangeBindOk is exchange.bind-ok (40,31), server to client.
type ExchangeBindOk struct{}

// ExchangeUnbind is exchange.unbind (40,40), client to server, answered by ExchangeUnbindOk.
type ExchangeUnbind struct {
	_           uint16 // reserved-1
	Destination string
	Source      string
	RoutingKey  string
	NoWait      bool
	Arguments   Table
}

// ExchangeUnbindOk is exchange.unbind-ok (40,51), server to client.
type ExchangeUnbindOk struct{}
