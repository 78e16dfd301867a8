package exchange

import (
	"strconv"
	"strings"
	"testing"
)

func TestCacheReturnsWhatWasPut(t *testing.T) {
	var c Cache[int]
	if _, ok := c.Get(0, "", ""); ok {
		t.Error("an empty cache knows the empty key")
	}
	c.Put(0, "x", "k", 1)
	c.Put(0, "x", "l", 2)
	c.Put(0, "y", "k", 3)
	c.Put(0, "", "", 4)
	for _, want := range []struct {
		exchange, key string
		route         int
	}{{"x", "k", 1}, {"x", "l", 2}, {"y", "k", 3}, {"", "", 4}, {"x", "k", 1}, {"x", "k", 1}} {
		if got, ok := c.Get(0, want.exchange, want.key); !ok || got != want.route {
			t.Errorf("%v: got %d, %t", want, got, ok)
		}
	}
	if _, ok := c.Get(0, "xk", ""); ok {
		t.Error("exchange and key run together")
	}
	if _, ok := c.Get(0, "y", "l"); ok {
		t.Error("found what was never put")
	}
}

func TestCacheReplacesARoute(t *testing.T) {
	var c Cache[int]
	c.Put(7, "x", "k", 1)
	c.Put(7, "x", "k", 2)
	if got, _ := c.Get(7, "x", "k"); got != 2 {
		t.Errorf("got %d", got)
	}
}

func TestCacheForgetsWithTheGeneration(t *testing.T) {
	var c Cache[int]
	c.Put(1, "x", "k", 1)
	if _, ok := c.Get(2, "x", "k"); ok {
		t.Error("Get found the last generation's")
	}
	if _, ok := c.Get(2, "x", "k"); ok {
		t.Error("Get found it the second time")
	}
	if _, ok := c.Get(1, "x", "k"); ok {
		t.Error("what is forgotten came back")
	}
	c.Put(1, "x", "k", 1)
	c.Put(2, "x", "l", 2)
	if _, ok := c.Get(2, "x", "k"); ok {
		t.Error("Put kept the last generation's")
	}
	if _, ok := c.Get(3, "x", "l"); ok {
		t.Error("Get found the last generation's")
	}
}

func TestCacheIsBoundedAndStillOfUse(t *testing.T) {
	var c Cache[int]
	const keys = maxRoutes + maxRoutes/10
	hits := 0
	for i := range 20 * keys {
		key := strconv.Itoa(i % keys)
		if got, ok := c.Get(0, "x", key); !ok {
			c.Put(0, "x", key, i%keys)
		} else if hits++; got != i%keys {
			t.Fatalf("key %s has route %d", key, got)
		}
		if len(c.routes) > maxRoutes {
			t.Fatalf("%d routes", len(c.routes))
		}
	}
	if hits < 5*keys {
		t.Errorf("%d hits of %d, though nearly all would fit", hits, 20*keys)
	}
}

func TestCacheLooksUpWithoutAllocating(t *testing.T) {
	var c Cache[[]int]
	long := strings.Repeat("x", 255)
	c.Put(1, "exchange", long, []int{1})
	c.Put(1, "exchange", "k", []int{2})
	allocs := testing.AllocsPerRun(100, func() {
		for _, key := range []string{long, "k", "absent"} {
			c.Get(1, "exchange", key)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
