# Names for what is typed often. Checks live in .ci/run, where CI runs them.
.PHONY: all check test race lint fmt fuzz generate compose interop amqp091 watermill build bench

all: build

build:
	CGO_ENABLED=0 go build -o bin/leveret ./cmd/leveret

# Everything that CI runs.
check:
	.ci/run

test race lint fuzz generate compose interop amqp091 watermill:
	.ci/run $@

fmt:
	@test -x .ci/bin/golangci-lint || .ci/run lint
	.ci/bin/golangci-lint fmt

# make bench ARGS="-rounds 1 -seconds 2"
bench:
	scripts/bench/compare $(ARGS)
