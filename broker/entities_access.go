package broker

import (
	"encoding/binary"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Entities of who may do what. A permission has the ids of its user and vhost:
// another one of the same name has nothing of it.
type (
	userEntity struct {
		name, hash, algorithm string
		tags                  []string
		limits                limits
	}

	permissionEntity struct {
		user, vhost            uint64
		configure, write, read string
	}

	topicPermissionEntity struct {
		user, vhost           uint64
		exchange, write, read string
	}

	vhostLimitsEntity struct {
		vhost  uint64
		limits limits
	}
)

func (e userEntity) append(b []byte) []byte {
	b = appendText(append(b, entityVersion), e.name)
	b = appendText(appendText(b, e.hash), e.algorithm)
	b = binary.AppendUvarint(b, uint64(len(e.tags)))
	for _, tag := range e.tags {
		b = appendText(b, tag)
	}
	return amqp.AppendTable(b, e.limits.table())
}

func (e permissionEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.user)
	b = binary.AppendUvarint(b, e.vhost)
	return appendText(appendText(appendText(b, e.configure), e.write), e.read)
}

func (e topicPermissionEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.user)
	b = binary.AppendUvarint(b, e.vhost)
	return appendText(appendText(appendText(b, e.exchange), e.write), e.read)
}

func (e vhostLimitsEntity) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, entityVersion), e.vhost)
	return amqp.AppendTable(b, e.limits.table())
}

// access reads what is left of an entity of these kinds, nil if it is of another.
func (f *fields) access(kind storage.EntityKind) entity {
	switch kind {
	case userKind:
		return userEntity{f.text(), f.text(), f.text(), f.texts(), limitsOf(f.table())}
	case permissionKind:
		return permissionEntity{f.number(), f.number(), f.text(), f.text(), f.text()}
	case topicPermissionKind:
		return topicPermissionEntity{f.number(), f.number(), f.text(), f.text(), f.text()}
	case vhostLimitsKind:
		return vhostLimitsEntity{f.number(), limitsOf(f.table())}
	}
	return nil
}

// texts are strings with their number before them.
func (f *fields) texts() (all []string) {
	for n := f.number(); n > 0 && f.err == nil; n-- {
		all = append(all, f.text())
	}
	return all
}
