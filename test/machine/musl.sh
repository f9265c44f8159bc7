#!/bin/sh
# Runs the musl build, as root on Linux x64, in a root folder that has nothing but musl 1.2.5 of Debian, the C++ library that
# Alpine compiled (it is in a wheel of numpy), busybox, and the program. `bun run musl`; needs apt, npm, pip and unzip.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir -p apt/lists/partial apt/cache/archives/partial
echo "deb http://deb.debian.org/debian trixie main" >apt/sources.list
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User=root "$@"
}
apt update
apt download musl busybox-static
for package in *.deb; do dpkg -x "$package" deb; done
python3 -m pip -q download numpy --no-deps --only-binary=:all: --platform musllinux_1_2_x86_64 --python-version 3.12 -d .
unzip -q ./*.whl 'numpy.libs/*'
npm pack --silent "@oven/bun-linux-x64-musl@$(bun --version)" >/dev/null
tar xzf oven-*.tgz
(cd "$root" && bun scripts/build-binary.ts --target linux-x64-musl --runtime "$folder/package/bin/bun")

R=$folder/alpine
mkdir -p "$R/lib" "$R/usr/lib" "$R/bin" "$R/etc" "$R/proc" "$R/dev" "$R/tmp" "$R/root"
cp "$(find deb -name libc.so)" "$R/lib/ld-musl-x86_64.so.1"
ln -s ld-musl-x86_64.so.1 "$R/lib/libc.musl-x86_64.so.1"
cp numpy.libs/libgcc_s-* "$R/usr/lib/"
cp numpy.libs/libstdc++-* "$R/usr/lib/libstdc++.so.6"
cp deb/usr/bin/busybox "$R/bin/busybox"
for name in sh sleep grep cat kill echo; do ln -s busybox "$R/bin/$name"; done
cp "$root"/dist/mcpctl-*-linux-x64-musl "$R/bin/mcpctl"
echo "root:x:0:0:root:/root:/bin/sh" >"$R/etc/passwd"
echo "127.0.0.1 localhost" >"$R/etc/hosts"

cat >"$R/bin/mcp-server" <<'S'
#!/bin/sh
while read -r line; do
  id=${line#*'"id":'} id=${id%%[,\}]*}
  case $line in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}' ;;
    *'"tools/list"'*) result='{"tools":[{"name":"hello","inputSchema":{"type":"object"}}]}' ;;
    *'"id"'*) echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"no\"}}"; continue ;;
    *) continue ;;
  esac
  echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$result}"
done
S
chmod 755 "$R/bin/mcp-server"

cat >"$R/tmp/checks" <<'S'
set -eu
has() { grep -q "$1" "$2" || { echo "FAILED: no \"$1\" in:"; cat "$2"; exit 1; }; }
mcpctl --version >/tmp/out; has "^mcpctl" /tmp/out
: >/tmp/log
mcpctl server --listen 127.0.0.1:18999 --data-dir /data >/tmp/log 2>&1 &
server=$!
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  grep -q "listens on" /tmp/log && break
  sleep 1
done
has "listens on" /tmp/log
export MCPCTL_SERVER=unix:///data/mcpctl.sock
mcpctl create secret s --data k=v >/tmp/out; has created /tmp/out
mcpctl create llm near --type openai --model m --url http://localhost:1 --api-key-ref s/k >/tmp/out 2>&1
has "the connection was refused" /tmp/out
mcpctl create llm far --type openai --model m --url http://no-such-host.invalid:1 >/tmp/out 2>&1
has "name" /tmp/out
mcpctl doctor >/tmp/out 2>&1; has "ok    server" /tmp/out
mcpctl create server hello --command /bin/mcp-server >/tmp/out
mcpctl create project p --server hello >/tmp/out
mcpctl test mcp -p p >/tmp/out 2>&1; has hello /tmp/out
mcpctl describe server hello >/tmp/out; has "Isolation: *landlock" /tmp/out
kill $server; wait $server
has stopped /tmp/log
echo "the musl build works"
S

unshare --mount --pid --fork --kill-child sh -eu -c '
  R=$1
  mount -t proc proc "$R/proc"
  mount -t tmpfs dev "$R/dev"
  for name in null zero random urandom; do : >"$R/dev/$name"; mount --bind "/dev/$name" "$R/dev/$name"; done
  exec env -i PATH=/bin HOME=/root "$(command -v chroot || echo /usr/sbin/chroot)" "$R" sh /tmp/checks' sh "$R"
