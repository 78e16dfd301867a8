package amqp

// ChannelOpen is channel.open (20,10), client to server, answered by ChannelOpenOk.
type ChannelOpen struct {
	_ string // reserved-1
}

// ChannelOpenOk is channel.open-ok (20,11), server to client.
type ChannelOpenOk struct {
	_ []byte `amqp:"longstr"` // reserved-1
}

// ChannelFlow is channel.flow (20,20), both ways, answered by ChannelFlowOk.
type ChannelFlow struct {
	Active bool
}

// ChannelFlowOk is channel.flow-ok (20,21), both ways.
type ChannelFlowOk struct {
	Active bool
}

// ChannelClose is channel.close (20,40), both ways, answered by ChannelCloseOk.
// ClassID and MethodID name the method that was at fault, or are zero.
type ChannelClose struct {
	ReplyCode uint16
	ReplyText string
	ClassID   uint16
	MethodID  uint16
}

// ChannelCloseOk is channel.close-ok (20,41), both ways.
type ChannelCloseOk struct{}

// AccessRequest is access.request (30,10), client to server, answered by AccessRequestOk.
// 0-9-1 dropped the class; old clients still ask, and any answer satisfies
// them (CHAN-19).
type AccessRequest struct {
	Realm     string
	Exclusive bool
	Passive   bool
	Active    bool
	Write     bool
	Read      bool
}

// AccessRequestOk is access.request-ok (30,11), server to client.
type AccessRequestOk struct {
	Ticket uint16
}
