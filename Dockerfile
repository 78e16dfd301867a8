# leveret in place of the image of RabbitMQ: docs/replace-rabbitmq.md
#
#   docker build -t leveret .
#   docker run -d -p 5672:5672 leveret

FROM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ENV CGO_ENABLED=0
ARG VERSION=
RUN go build -ldflags="-s -w -X main.version=$VERSION" -o root/usr/local/bin/leveret ./cmd/leveret
RUN sh container/layout root

# What docker-compose.yml shows: a producer and a consumer.
FROM build AS build-examples
RUN go build -ldflags="-s -w" -o programs/ ./examples/...

FROM busybox:stable-musl AS examples
COPY --from=build-examples /src/programs/ /usr/local/bin/

# busybox is there for health checks and docker exec: docs/adr/0021-container.md
FROM busybox:stable-musl
COPY --from=build /src/root/ /
ENV LEVERET_DATA_DIR=/var/lib/leveret LEVERET_SOCKET=/var/lib/leveret/leveret.sock
VOLUME /var/lib/leveret
EXPOSE 4369 5671 5672 15671 15672 15691 15692 25672
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["rabbitmq-diagnostics", "-q", "ping"]
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["rabbitmq-server"]
