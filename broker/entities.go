package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Kinds of entities in the store. All of them are durable things; what is not
// durable, or exclusive, is never stored.
const (
	vhostKind storage.EntityKind = 1 + iota
	exchangeKind
	queueKind // the id is also that of the queue of messages
	bindingKind
	policyKind
	operatorPolicyKind
	userKind
	permissionKind
	topicPermissionKind
	vhostLimitsKind
)

// More kinds, beside those of who may do what.
const (
	parameterKind storage.EntityKind = 16 + iota
	vhostMetadataKind
)

// entityVersion is the first byte of every value. After it come the fields in
// their order: numbers as varints, strings with their length before them, flags
// as one byte, arguments as AMQP has them.
const entityVersion = 1

type (
	vhostEntity struct{ name string }

	exchangeEntity struct {
		vhost                uint64 // id
		name, kind           string
		autoDelete, internal bool
		arguments            amqp.Table
	}

	queueEntity struct {
		vhost      uint64
		name       string
		autoDelete bool
		arguments  amqp.Table
	}

	// bindingEntity names its ends rather than giving their ids: the exchanges
	// that are always there have none.
	bindingEntity struct {
		vhost     uint64
		source    string
		to        end
		key       string
		arguments amqp.Table
	}

	// parameterEntity is a parameter of a vhost, or a global one, whose vhost is 0.
	parameterEntity struct {
		vhost                  uint64
		component, name, value string
	}

	vhostMetadataEntity struct {
		vhost uint64
		VhostMetadata
	}

	// policyEntity is a policy or an operator policy.
	policyEntity struct {
		vhost                  uint64
		name, pattern, applyTo string
		priority               int
		definition             amqp.Table
	}
)

// Why the value of an entity is not what was written.
var (
	errEntityShort = errors.New("the value is cut off")
	errEntityLong  = errors.New("the value goes on after its end")
	errEntityFlags = errors.New("the value has unknown flags")
	errEntityForm  = errors.New("the value is not as it would be written")
)

func (e vhostEntity) append(b []byte) []byte { return appendText(append(b, entityVersion), e.name) }

func (e exchangeEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.vhost)
	b = appendText(appendText(b, e.name), e.kind)
	return amqp.AppendTable(appendFlags(b, e.autoDelete, e.internal), e.arguments)
}

func (e queueEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.vhost)
	b = appendText(b, e.name)
	return amqp.AppendTable(appendFlags(b, e.autoDelete), e.arguments)
}

func (e bindingEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.vhost)
	b = appendText(b, e.source)
	b = appendText(appendFlags(b, e.to.exchange), e.to.name)
	return amqp.AppendTable(appendText(b, e.key), e.arguments)
}

func (e policyEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.vhost)
	b = appendText(appendText(appendText(b, e.name), e.pattern), e.applyTo)
	return amqp.AppendTable(binary.AppendUvarint(b, uint64(e.priority)), e.definition)
}

func (e parameterEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.vhost)
	return appendText(appendText(appendText(b, e.component), e.name), e.value)
}

func (e vhostMetadataEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.vhost)
	b = appendText(appendText(b, e.Description), e.DefaultQueueType)
	b = binary.AppendUvarint(b, uint64(len(e.Tags)))
	for _, tag := range e.Tags {
		b = appendText(b, tag)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendFlags(b []byte, flags ...bool) []byte {
	var bits byte
	for i, on := range flags {
		if on {
			bits |= 1 << i
		}
	}
	return append(b, bits)
}

// entity is the value of one.
type entity interface{ append([]byte) []byte }

// decodeEntity reads a value, of which it refers to nothing afterwards. It
// takes only what append writes.
func decodeEntity(kind storage.EntityKind, value []byte) (entity, error) {
	f := fields{rest: value}
	if v := f.byte(); f.err == nil && v != entityVersion {
		return nil, fmt.Errorf("the value has version %d, which this program does not know", v)
	}
	var e entity
	switch kind {
	case vhostKind:
		e = vhostEntity{f.text()}
	case exchangeKind:
		x := exchangeEntity{vhost: f.number(), name: f.text(), kind: f.text()}
		f.flags(&x.autoDelete, &x.internal)
		x.arguments = f.table()
		e = x
	case queueKind:
		q := queueEntity{vhost: f.number(), name: f.text()}
		f.flags(&q.autoDelete)
		q.arguments = f.table()
		e = q
	case bindingKind:
		d := bindingEntity{vhost: f.number(), source: f.text()}
		f.flags(&d.to.exchange)
		d.to.name, d.key, d.arguments = f.text(), f.text(), f.table()
		e = d
	case policyKind, operatorPolicyKind:
		e = policyEntity{f.number(), f.text(), f.text(), f.text(), int(f.number()), f.table()}
	case parameterKind:
		e = parameterEntity{f.number(), f.text(), f.text(), f.text()}
	case vhostMetadataKind:
		m := vhostMetadataEntity{vhost: f.number()}
		m.Description, m.DefaultQueueType, m.Tags = f.text(), f.text(), f.texts()
		e = m
	default:
		if e = f.access(kind); e == nil {
			return nil, fmt.Errorf("kind %d is unknown", kind)
		}
	}
	switch {
	case f.err != nil:
		return nil, f.err
	case len(f.rest) > 0:
		return nil, errEntityLong
	case !bytes.Equal(e.append(nil), value):
		return nil, errEntityForm
	}
	return e, nil
}
