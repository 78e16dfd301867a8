package amqp

// BasicQos is basic.qos (60,10), client to server, answered by BasicQosOk.
type BasicQos struct {
	PrefetchSize  uint32 // bytes
	PrefetchCount uint16
	Global        bool
}

// BasicQosOk is basic.qos-ok (60,11), server to client.
type BasicQosOk struct{}

// BasicConsume is basic.consume (60,20), client to server, answered by BasicConsumeOk.
type BasicConsume struct {
	_           uint16 // reserved-1
	Queue       string
	ConsumerTag string
	NoLocal     bool
	NoAck       bool
	Exclusive   bool
	NoWait      bool
	Arguments   Table
}

// BasicConsumeOk is basic.consume-ok (60,21), server to client.
type BasicConsumeOk struct {
	ConsumerTag string
}

// BasicCancel is basic.cancel (60,30), both ways, answered by BasicCancelOk.
type BasicCancel struct {
	ConsumerTag string
	NoWait      bool
}

// BasicCancelOk is basic.cancel-ok (60,31), both ways.
type BasicCancelOk struct {
	ConsumerTag string
}

// BasicPublish is basic.publish (60,40), client to server, with content.
// RabbitMQ checks the form of every short string but these.
type BasicPublish struct {
	_          uint16 // reserved-1
	Exchange   string `amqp:"raw"`
	RoutingKey string `amqp:"raw"`
	Mandatory  bool
	Immediate  bool
}

// BasicReturn is basic.return (60,50), server to client, with content.
type BasicReturn struct {
	ReplyCode  uint16
	ReplyText  string
	Exchange   string `amqp:"raw"`
	RoutingKey string `amqp:"raw"`
}

// BasicDeliver is basic.deliver (60,60), server to client, with content.
type BasicDeliver struct {
	ConsumerTag string
	DeliveryTag uint64
	Redelivered bool
	Exchange    string `amqp:"raw"`
	RoutingKey  string `amqp:"raw"`
}

// BasicGet is basic.get (60,70), client to server, answered by BasicGetOk or BasicGetEmpty.
type BasicGet struct {
	_     uint16 // reserved-1
	Queue string
	NoAck bool
}

// BasicGetOk is basic.get-ok (60,71), server to client, with content.
type BasicGetOk struct {
	DeliveryTag  uint64
	Redelivered  bool
	Exchange     string `amqp:"raw"`
	RoutingKey   string `amqp:"raw"`
	MessageCount uint32 // left in the queue
}

// BasicGetEmpty is basic.get-empty (60,72), server to client.
type BasicGetEmpty struct {
	_ string // reserved-1
}

// BasicAck is basic.ack (60,80), both ways.
type BasicAck struct {
	DeliveryTag uint64
	Multiple    bool
}

// BasicReject is basic.reject (60,90), client to server.
type BasicReject struct {
	DeliveryTag uint64
	Requeue     bool
}

// BasicRecoverAsync is basic.recover-async (60,100), client to server.
type BasicRecoverAsync struct {
	Requeue bool
}

// BasicRecover is basic.recover (60,110), client to server, answered by BasicRecoverOk.
type BasicRecover struct {
	Requeue bool
}

// BasicRecoverOk is basic.recover-ok (60,111), server to client.
type BasicRecoverOk struct{}

// BasicNack is basic.nack (60,120), both ways.
type BasicNack struct {
	DeliveryTag uint64
	Multiple    bool
	Requeue     bool
}

// BasicCredit is basic.credit (60,200), client to server, answered by BasicCreditOk.
// RabbitMQ 3.x knows it, for its AMQP 1.0 plugin (CHAN-21).
type BasicCredit struct {
	ConsumerTag string
	Credit      uint32
	Drain       bool
}

// BasicCreditOk is basic.credit-ok (60,201), server to client.
type BasicCreditOk struct {
	Available uint32
}
