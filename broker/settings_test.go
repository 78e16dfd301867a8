package broker

import (
	"reflect"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// ruled are policies with these definitions; nil is none.
func ruled(policyDefinition, operatorDefinition amqp.Table) (r rule) {
	if policyDefinition != nil {
		r.policy = &policy{policyEntity: policyEntity{definition: policyDefinition}}
	}
	if operatorDefinition != nil {
		r.operator = &policy{policyEntity: policyEntity{definition: operatorDefinition}}
	}
	return r
}

// What a queue does by its arguments, its policy and its operator policy.
func TestSettingsOfArgumentsAndPolicies(t *testing.T) {
	number := func(of func(*settings) int64) func(*settings) any {
		return func(s *settings) any { return of(s) }
	}
	ttl := number(func(s *settings) int64 { return s.ttl })
	length := number(func(s *settings) int64 { return s.maxLength })
	bytes := number(func(s *settings) int64 { return s.maxBytes })
	deliveries := number(func(s *settings) int64 { return s.deliveryLimit })
	expires := number(func(s *settings) int64 { return s.expires })
	patience := number(func(s *settings) int64 { return s.consumerTimeout })
	over := func(s *settings) any { return s.overflow }
	letters := func(s *settings) any {
		if s.deadLetter == nil {
			return nil
		}
		return *s.deadLetter
	}
	n := func(i int64) any { return i }
	for _, tt := range []struct {
		row                         string
		kind                        *queueType
		arguments, policy, operator amqp.Table
		of                          func(*settings) any
		want                        any
	}{
		{"TTL-01", classicQueue, nil, nil, nil, ttl, n(unset)},
		{"TTL-01", classicQueue, args("x-message-ttl", int32(0)), nil, nil, ttl, n(0)},
		{"LEN-10", classicQueue, args("x-max-length", int32(5)), args("max-length", int64(2)), nil, length, n(2)},
		{"LEN-10", classicQueue, args("x-max-length", int32(2)), args("max-length", int64(5)), nil, length, n(2)},
		{"LEN-10", quorumQueue, args("x-max-length", int32(2)), args("max-length", int64(5)), nil, length, n(2)},
		{"POL-04", classicQueue, nil, args("max-length", int64(5)), args("max-length", int64(3)), length, n(3)},
		{"POL-04", classicQueue, nil, args("max-length", int64(3)), args("max-length", int64(5)), length, n(3)},
		{"POL-04", classicQueue, args("x-max-length", int8(1)), args("max-length", int64(3)), args("max-length", int64(5)), length, n(1)},
		{"POL-04", classicQueue, nil, args("message-ttl", int64(9)), args("max-length", int64(5)), length, n(5)},
		{"POL-04", classicQueue, nil, nil, args("max-length", int64(0)), length, n(0)},
		{"POL-04", classicQueue, args("x-max-length-bytes", int64(4)), args("max-length-bytes", int64(3)), args("max-length-bytes", int64(2)), bytes, n(2)},
		{"POL-04", quorumQueue, args("x-delivery-limit", int32(-1)), nil, args("delivery-limit", int64(4)), deliveries, n(4)},
		{"QQ-11", quorumQueue, args("x-delivery-limit", int32(-1)), nil, nil, deliveries, n(unset)},
		{"EXP-07", classicQueue, args("x-expires", int32(100)), args("expires", int64(50)), nil, expires, n(50)},
		{"EXP-07", classicQueue, nil, args("expires", int64(1)<<62), nil, expires, n(tenYears)},
		{"CONS-33", classicQueue, args("x-consumer-timeout", int32(100)), args("consumer-timeout", int64(50)), nil, patience, n(50)},

		{"LEN-10", classicQueue, nil, nil, nil, over, dropHead},
		{"LEN-10", classicQueue, args("x-overflow", "drop-head"), args("overflow", "reject-publish"), nil, over, dropHead},
		{"LEN-10", quorumQueue, args("x-overflow", "drop-head"), args("overflow", "reject-publish"), nil, over, rejectPublish},
		{"LEN-10", quorumQueue, args("x-overflow", "reject-publish"), nil, nil, over, rejectPublish},
		{"LEN-10", quorumQueue, args("x-overflow", "reject-publish-dlx"), nil, nil, over, dropHead},
		{"LEN-10", classicQueue, nil, args("overflow", "reject-publish-dlx"), nil, over, rejectPublishDLX},
		{"POL-04", classicQueue, nil, args("overflow", "drop-head"), args("overflow", "reject-publish"), over, rejectPublish},

		{"DLX-25", classicQueue, nil, args("dead-letter-exchange", "p"), nil, letters, deadLettering{exchange: "p"}},
		{"DLX-25", classicQueue, args("x-dead-letter-exchange", ""), args("dead-letter-exchange", "p"), nil, letters, deadLettering{}},
		{"DLX-25", classicQueue, args("x-dead-letter-exchange", "a"), args("dead-letter-routing-key", "k"), nil, letters, deadLettering{exchange: "a", key: "k", keyed: true}},
		{"DLX-25", quorumQueue, args("x-dead-letter-exchange", "a", "x-dead-letter-routing-key", "l"), args("dead-letter-routing-key", "k"), nil, letters, deadLettering{exchange: "a", key: "l", keyed: true}},
		{"QQ-19", quorumQueue, args("x-dead-letter-exchange", "a", "x-overflow", "reject-publish", "x-dead-letter-strategy", "at-least-once"), nil, nil, letters, deadLettering{exchange: "a", insists: true}},
		{"QQ-19", quorumQueue, args("x-dead-letter-exchange", "a", "x-dead-letter-strategy", "at-least-once"), nil, nil, letters, deadLettering{exchange: "a"}},
		{"QQ-19", classicQueue, args("x-dead-letter-exchange", "a", "x-overflow", "reject-publish"), args("dead-letter-strategy", "at-least-once"), nil, letters, deadLettering{exchange: "a"}},
		{"QQ-19", quorumQueue, args("x-dead-letter-exchange", "a", "x-overflow", "reject-publish"), args("dead-letter-strategy", "at-least-once"), nil, letters, deadLettering{exchange: "a", insists: true}},
		{"DLX-26", classicQueue, nil, args("dead-letter-routing-key", "k"), nil, letters, nil},
	} {
		if got := tt.of(settingsOf(tt.kind, tt.arguments, ruled(tt.policy, tt.operator))); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, %v, %v: got %v, want %v", tt.row, tt.arguments, tt.policy, tt.operator, got, tt.want)
		}
	}
}

func TestSettingsAreEqualIfAllIs(t *testing.T) {
	differing := []amqp.Table{
		nil, args("x-message-ttl", int32(1)), args("x-expires", int32(1)), args("x-max-length", int32(1)),
		args("x-max-length-bytes", int32(1)), args("x-overflow", "reject-publish"), args("x-delivery-limit", int32(1)),
		args("x-consumer-timeout", int32(1)), args("x-dead-letter-exchange", ""), args("x-dead-letter-exchange", "x"),
		args("x-dead-letter-exchange", "", "x-dead-letter-routing-key", ""),
		args("x-dead-letter-exchange", "", "x-dead-letter-routing-key", "k"),
	}
	for i, a := range differing {
		for j, b := range differing {
			if settingsOf(classicQueue, a, rule{}).equal(settingsOf(classicQueue, b, rule{})) != (i == j) {
				t.Errorf("%v and %v", a, b)
			}
		}
	}
}
