package amqp

import (
	"errors"
	"testing"
)

// What is too deep to be read must not be written: it would be in the store.
func TestTableOfNestsNoDeeperThanWhatIsRead(t *testing.T) {
	list, object := any([]any{}), any(map[string]any{})
	for depth := 2; depth <= maxTableDepth+1; depth++ {
		for _, v := range []any{list, object} {
			got, err := TableOf(map[string]any{"a": v})
			if depth > maxTableDepth {
				if !errors.Is(err, errTooDeep) {
					t.Errorf("%T of depth %d: got %v", v, depth, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%T of depth %d: %v", v, depth, err)
			}
			if _, _, err := DecodeTable(AppendTable(nil, got)); err != nil {
				t.Fatalf("%T of depth %d is not read: %v", v, depth, err)
			}
		}
		list, object = []any{list}, map[string]any{"a": object}
	}
}
