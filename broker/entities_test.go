package broker

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// everyArgument has each type of value that there is.
var everyArgument = amqp.Table{
	{Key: "t", Value: true},
	{Key: "b", Value: int8(-1)},
	{Key: "B", Value: uint8(255)},
	{Key: "s", Value: int16(-2)},
	{Key: "u", Value: uint16(3)},
	{Key: "I", Value: int32(-4)},
	{Key: "i", Value: uint32(5)},
	{Key: "l", Value: int64(math.MinInt64)},
	{Key: "f", Value: float32(1.5)},
	{Key: "d", Value: -math.MaxFloat64},
	{Key: "D", Value: amqp.Decimal{Scale: 2, Value: 314}},
	{Key: "T", Value: amqp.Timestamp(1 << 40)},
	{Key: "S", Value: "\xff\x00"},
	{Key: "x", Value: []byte{}},
	{Key: "V", Value: nil},
	{Key: "A", Value: amqp.Array{"a", amqp.Table{{Key: "", Value: int32(1)}}}},
	{Key: "t", Value: false},
}

var someEntities = []struct {
	kind storage.EntityKind
	entity
}{
	{vhostKind, vhostEntity{"/"}},
	{vhostKind, vhostEntity{""}},
	{vhostKind, vhostEntity{strings.Repeat("ä", 200)}},
	{exchangeKind, exchangeEntity{vhost: 1, name: "x", kind: "direct", arguments: amqp.Table{}}},
	{exchangeKind, exchangeEntity{math.MaxUint64, "a\nb", "headers", true, true, everyArgument}},
	{queueKind, queueEntity{vhost: 300, name: "q", arguments: amqp.Table{}}},
	{queueKind, queueEntity{1, "q", true, everyArgument}},
	{bindingKind, bindingEntity{vhost: 1, source: "x", to: end{"q", false}, arguments: amqp.Table{}}},
	{bindingKind, bindingEntity{1, "amq.topic", end{"x", true}, "a.#", everyArgument}},
	{policyKind, policyEntity{vhost: 1, name: "p", pattern: "^q", applyTo: "all", definition: amqp.Table{{Key: "max-length", Value: int64(5)}}}},
	{parameterKind, parameterEntity{1, "shovel", "s", `{"a":[1,2.5]}`}},
	{parameterKind, parameterEntity{0, "", "cluster_name", `"here"`}},
	{vhostMetadataKind, vhostMetadataEntity{1, VhostMetadata{"described", []string{"a", ""}, "quorum"}}},
	{vhostMetadataKind, vhostMetadataEntity{vhost: 2}},
	{operatorPolicyKind, policyEntity{math.MaxUint64, "", ".*\n", "classic_queues", -1, everyArgument}},
	{userKind, userEntity{name: "nobody", limits: limits{}}},
	{userKind, userEntity{"a\nb", "kI3G", HashingMD5, []string{"", "administrator"}, limits{maxChannels: math.MaxInt, maxConnections: -1}}},
	{permissionKind, permissionEntity{user: 1, vhost: 2}},
	{permissionKind, permissionEntity{math.MaxUint64, 300, "c", ".*", "^r\x00"}},
	{topicPermissionKind, topicPermissionEntity{1, math.MaxUint64, "amq.topic", "^{username}", ""}},
	{vhostLimitsKind, vhostLimitsEntity{300, limits{maxQueues: 0}}},
}

func TestEntitiesAreReadAsTheyWereWritten(t *testing.T) {
	for _, e := range someEntities {
		value := e.append([]byte("before"))[len("before"):]
		got, err := decodeEntity(e.kind, value)
		if err != nil || !reflect.DeepEqual(got, e.entity) {
			t.Errorf("%+v is read as %+v, %v", e.entity, got, err)
		}
		clear(value)
		if err == nil && !reflect.DeepEqual(got, e.entity) {
			t.Errorf("%+v refers to the bytes that it was read from", e.entity)
		}
	}
}

func TestEveryByteOfAnEntityIsLookedAt(t *testing.T) {
	for _, e := range someEntities {
		value := e.append(nil)
		for n := range value {
			if got, err := decodeEntity(e.kind, value[:n]); err == nil {
				t.Errorf("%d of %d bytes of %+v are read as %+v", n, len(value), e.entity, got)
			}
		}
		if _, err := decodeEntity(e.kind, append(value, 0)); !errors.Is(err, errEntityLong) {
			t.Errorf("%+v and one byte more: got %v", e.entity, err)
		}
		for i := range value {
			changed := bytes.Clone(value)
			changed[i] ^= 0x41
			if got, err := decodeEntity(e.kind, changed); err == nil && reflect.DeepEqual(got, e.entity) {
				t.Errorf("%+v is the same with byte %d changed", e.entity, i)
			}
		}
	}
}

func TestWhatIsWrongWithAnEntityIsNamed(t *testing.T) {
	for _, tt := range []struct {
		kind  storage.EntityKind
		value string
		want  string
	}{
		{vhostKind, "", "cut off"},
		{vhostKind, "\x01", "cut off"},
		{vhostKind, "\x02\x01a", "version 2"},
		{vhostKind, "\x00\x01a", "version 0"},
		{0, "\x01\x01a", "kind 0 is unknown"},
		{99, "\x01\x01a", "kind 99 is unknown"},
		{vhostKind, "\x01\x81\x00a", "not as it would be written"}, // a number with a byte too many
		{vhostKind, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a", "cut off"},
		{queueKind, "\x01\x01\x01q\x02\x00\x00\x00\x00", "unknown flags"},
		{exchangeKind, "\x01\x01\x01x\x06direct\x04\x00\x00\x00\x00", "unknown flags"},
		{queueKind, "\x01\x01\x01q\x00\x00\x00\x00\x03\x01a?", "arguments: "},
		{queueKind, "\x01\x01\x01q\x00\x00\x00\x00\x05", "arguments: "},
	} {
		if e, err := decodeEntity(tt.kind, []byte(tt.value)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d %q: got %+v, %v, want %q", tt.kind, tt.value, e, err, tt.want)
		}
	}
}

// Whatever is read is what would be written.
func FuzzEntity(f *testing.F) {
	for _, e := range someEntities {
		f.Add(uint8(e.kind), e.append(nil))
	}
	f.Fuzz(func(t *testing.T, kind uint8, value []byte) {
		e, err := decodeEntity(storage.EntityKind(kind), bytes.Clone(value))
		if err == nil && !bytes.Equal(e.append(nil), value) {
			t.Errorf("%q is read as %+v, which is written %q", value, e, e.append(nil))
		}
	})
}
