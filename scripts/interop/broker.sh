# Sourced by the scripts here: a leveret that is built and ended by its script.
#
#   work      a directory that goes when the script ends
#   broker    the process, while there is one
#   url       where it listens, for clients

work=$(mktemp -d)
broker=
finish() {
  if [[ -n $broker ]]; then
    kill -TERM "$broker" 2>/dev/null || true
    wait "$broker" || true
  fi
  rm -rf "$work"
}
trap finish EXIT

# debian PACKAGE...: installs from Debian.
debian() {
  local sudo=()
  ((EUID == 0)) || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@"
}

# start_leveret FLAG...: builds it with these flags. The system picks a free port;
# the broker says which.
start_leveret() {
  go build "$@" -o "$work/leveret" ./cmd/leveret
  : >"$work/log"
  "$work/leveret" serve --listen 127.0.0.1:0 --data-dir "$work/data" --log-format json >"$work/log" 2>&1 &
  broker=$!
  for _ in {1..100}; do
    ! grep -q 'Server startup complete' "$work/log" || break
    kill -0 "$broker" 2>/dev/null || break
    sleep 0.1
  done
  local port
  port=$(sed -nE 's/.*started TCP listener on 127\.0\.0\.1:([0-9]+).*/\1/p' "$work/log")
  if [[ -z $port ]]; then
    echo "leveret does not start:" >&2
    cat "$work/log" >&2
    return 1
  fi
  url=amqp://guest:guest@127.0.0.1:$port/
}

# leveret must still be there, and end in good order.
stop_leveret() {
  kill -TERM "$broker"
  local status=0
  wait "$broker" || status=$?
  broker=
  if ((status)); then
    echo "leveret ended with $status:" >&2
    tail -n 50 "$work/log" >&2
  fi
  return "$status"
}
