package amqp

// ConnectionStart is connection.start (10,10), server to client, answered by ConnectionStartOk.
type ConnectionStart struct {
	VersionMajor     uint8
	VersionMinor     uint8
	ServerProperties Table
	Mechanisms       []byte `amqp:"longstr"` // separated by spaces
	Locales          []byte `amqp:"longstr"` // separated by spaces
}

// ConnectionStartOk is connection.start-ok (10,11), client to server.
type ConnectionStartOk struct {
	ClientProperties Table
	Mechanism        string
	Response         []byte `amqp:"longstr"`
	Locale           string
}

// ConnectionSecure is connection.secure (10,20), server to client, answered by ConnectionSecureOk.
type ConnectionSecure struct {
	Challenge []byte `amqp:"longstr"`
}

// ConnectionSecureOk is connection.secure-ok (10,21), client to server.
type ConnectionSecureOk struct {
	Response []byte `amqp:"longstr"`
}

// ConnectionTune is connection.tune (10,30), server to client, answered by ConnectionTuneOk.
// Zero means no limit, and no heartbeats.
type ConnectionTune struct {
	ChannelMax uint16
	FrameMax   uint32 // bytes, the frame's overhead included
	Heartbeat  uint16 // seconds
}

// ConnectionTuneOk is connection.tune-ok (10,31), client to server.
// Zero means no limit, and no heartbeats.
type ConnectionTuneOk struct {
	ChannelMax uint16
	FrameMax   uint32 // bytes, the frame's overhead included
	Heartbeat  uint16 // seconds
}

// ConnectionOpen is connection.open (10,40), client to server, answered by ConnectionOpenOk.
type ConnectionOpen struct {
	VirtualHost string
	_           string // reserved-1
	_           bool   // reserved-2
}

// ConnectionOpenOk is connection.open-ok (10,41), server to client.
type ConnectionOpenOk struct {
	_ string // reserved-1
}

// ConnectionClose is connection.close (10,50), both ways, answered by ConnectionCloseOk.
// ClassID and MethodID name the method that was at fault, or are zero.
type ConnectionClose struct {
	ReplyCode uint16
	ReplyText string
	ClassID   uint16
	MethodID  uint16
}

// ConnectionCloseOk is connection.close-ok (10,51), both ways.
type ConnectionCloseOk struct{}

// ConnectionBlocked is connection.blocked (10,60), server to client.
type ConnectionBlocked struct {
	Reason string
}

// ConnectionUnblocked is connection.unblocked (10,61), server to client.
type ConnectionUnblocked struct{}

// ConnectionUpdateSecret is connection.update-secret (10,70), client to server, answered by ConnectionUpdateSecretOk.
type ConnectionUpdateSecret struct {
	NewSecret []byte `amqp:"longstr"`
	Reason    string
}

// ConnectionUpdateSecretOk is connection.update-secret-ok (10,71), server to client.
type ConnectionUpdateSecretOk struct{}
