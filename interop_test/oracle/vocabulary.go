package oracle

import (
	"reflect"

	"github.com/leveretmq/leveret/amqp"
)

// vocabulary has every method that a script may name, by its name in the
// specification.
var vocabulary = byName(
	&amqp.ConnectionStart{}, &amqp.ConnectionStartOk{}, &amqp.ConnectionSecure{}, &amqp.ConnectionSecureOk{},
	&amqp.ConnectionTune{}, &amqp.ConnectionTuneOk{}, &amqp.ConnectionOpen{}, &amqp.ConnectionOpenOk{},
	&amqp.ConnectionClose{}, &amqp.ConnectionCloseOk{}, &amqp.ConnectionBlocked{}, &amqp.ConnectionUnblocked{},
	&amqp.ConnectionUpdateSecret{}, &amqp.ConnectionUpdateSecretOk{},
	&amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}, &amqp.ChannelFlow{}, &amqp.ChannelFlowOk{},
	&amqp.ChannelClose{}, &amqp.ChannelCloseOk{},
	&amqp.AccessRequest{}, &amqp.AccessRequestOk{},
	&amqp.ExchangeDeclare{}, &amqp.ExchangeDeclareOk{}, &amqp.ExchangeDelete{}, &amqp.ExchangeDeleteOk{},
	&amqp.ExchangeBind{}, &amqp.ExchangeBindOk{}, &amqp.ExchangeUnbind{}, &amqp.ExchangeUnbindOk{},
	&amqp.QueueDeclare{}, &amqp.QueueDeclareOk{}, &amqp.QueueBind{}, &amqp.QueueBindOk{},
	&amqp.QueuePurge{}, &amqp.QueuePurgeOk{}, &amqp.QueueDelete{}, &amqp.QueueDeleteOk{},
	&amqp.QueueUnbind{}, &amqp.QueueUnbindOk{},
	&amqp.BasicQos{}, &amqp.BasicQosOk{}, &amqp.BasicConsume{}, &amqp.BasicConsumeOk{},
	&amqp.BasicCancel{}, &amqp.BasicCancelOk{}, &amqp.BasicPublish{}, &amqp.BasicReturn{},
	&amqp.BasicDeliver{}, &amqp.BasicGet{}, &amqp.BasicGetOk{}, &amqp.BasicGetEmpty{},
	&amqp.BasicAck{}, &amqp.BasicReject{}, &amqp.BasicRecoverAsync{}, &amqp.BasicRecover{},
	&amqp.BasicRecoverOk{}, &amqp.BasicNack{}, &amqp.BasicCredit{}, &amqp.BasicCreditOk{},
	&amqp.TxSelect{}, &amqp.TxSelectOk{}, &amqp.TxCommit{}, &amqp.TxCommitOk{},
	&amqp.TxRollback{}, &amqp.TxRollbackOk{},
	&amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{},
)

// replies has, for every method that asks for one, the methods that answer it.
var replies = map[string][]string{
	"connection.start-ok":      {"connection.tune", "connection.secure"},
	"connection.secure-ok":     {"connection.tune", "connection.secure"},
	"connection.open":          {"connection.open-ok"},
	"connection.close":         {"connection.close-ok"},
	"connection.update-secret": {"connection.update-secret-ok"},
	"channel.open":             {"channel.open-ok"},
	"channel.flow":             {"channel.flow-ok"},
	"channel.close":            {"channel.close-ok"},
	"access.request":           {"access.request-ok"},
	"exchange.declare":         {"exchange.declare-ok"},
	"exchange.delete":          {"exchange.delete-ok"},
	"exchange.bind":            {"exchange.bind-ok"},
	"exchange.unbind":          {"exchange.unbind-ok"},
	"queue.declare":            {"queue.declare-ok"},
	"queue.bind":               {"queue.bind-ok"},
	"queue.unbind":             {"queue.unbind-ok"},
	"queue.purge":              {"queue.purge-ok"},
	"queue.delete":             {"queue.delete-ok"},
	"basic.qos":                {"basic.qos-ok"},
	"basic.consume":            {"basic.consume-ok"},
	"basic.cancel":             {"basic.cancel-ok"},
	"basic.get":                {"basic.get-ok", "basic.get-empty"},
	"basic.recover":            {"basic.recover-ok"},
	"basic.credit":             {"basic.credit-ok"},
	"confirm.select":           {"confirm.select-ok"},
	"tx.select":                {"tx.select-ok"},
	"tx.commit":                {"tx.commit-ok"},
	"tx.rollback":              {"tx.rollback-ok"},
}

func byName(methods ...amqp.Method) map[string]reflect.Type {
	types := make(map[string]reflect.Type, len(methods))
	for _, m := range methods {
		types[m.ID().String()] = reflect.TypeOf(m).Elem()
	}
	return types
}
