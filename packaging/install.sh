#!/bin/sh
# Installs mcpctl: one program, into ~/.local/bin, or into /usr/local/bin for root.
#
#   curl -fsSL URL/install.sh | sh
#
# MCPCTL_DOWNLOAD_URL   the folder with the files of a release, instead of the one below
# MCPCTL_INSTALL_DIR    the folder for the program
#
# It needs curl or wget, tar, gzip, and sha256sum, shasum or openssl. It runs nothing as root and asks nothing.
set -eu

default_url='@URL@'

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# download URL FILE
download() {
  if has curl; then
    curl --proto "$protocols" --fail --silent --show-error --location --connect-timeout 30 --output "$2" "$1"
  elif has wget; then
    wget -q -O "$2" "$1"
  else
    fail 'it needs curl or wget'
  fi
}

sum_of() {
  if has sha256sum; then sha256sum "$1" | cut -d ' ' -f 1
  elif has shasum; then shasum -a 256 "$1" | cut -d ' ' -f 1
  elif has openssl; then openssl dgst -sha256 "$1" | sed 's/.*= *//'
  else fail 'it needs sha256sum, shasum or openssl, to check what it downloads'
  fi
}

platform() {
  machine=$(uname -m)
  case "$(uname -s)" in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "there is no program for $(uname -s); on Windows, download it with a browser" ;;
  esac
  # A shell of another processor than the machine's, on a Mac.
  if [ "$os" = darwin ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || echo 0)" = 1 ]; then machine=arm64; fi
  case "$machine" in
    x86_64 | amd64) name=$os-x64 ;;
    aarch64 | arm64) name=$os-arm64 ;;
    *) fail "there is no program for the processor $machine" ;;
  esac
  if [ "$os" = linux ] && is_musl; then name=$name-musl; fi
  case "$name" in
    *-x64*) if ! has_avx2; then name=$name-baseline; fi ;;
  esac
  printf '%s\n' "$name"
}

is_musl() {
  for loader in /lib/ld-musl-*; do
    if [ -e "$loader" ] && ! [ -e /lib64/ld-linux-x86-64.so.2 ] && ! [ -e /lib/ld-linux-aarch64.so.1 ]; then return 0; fi
  done
  return 1
}

has_avx2() {
  if [ -r /proc/cpuinfo ]; then grep -qw avx2 /proc/cpuinfo
  else [ "$(sysctl -n hw.optional.avx2_0 2>/dev/null || echo 0)" = 1 ]
  fi
}

main() {
  url=${MCPCTL_DOWNLOAD_URL:-$default_url}
  url=${url%/}
  case "$url" in
    '' | @*) fail 'set MCPCTL_DOWNLOAD_URL to the folder with the files of a release' ;;
    *@*) fail 'a URL with a user or password is refused' ;;
    https://*) protocols='=https' ;;
    # Nobody else can be on the way.
    http://127.0.0.1[:/]* | http://localhost[:/]* | http://\[::1\]*) protocols='=http,https' ;;
    *) fail "$url is refused: it must begin with https://, because others could change the program on the way" ;;
  esac
  if [ "$(id -u)" = 0 ]; then folder=/usr/local/bin; else folder=${HOME:?}/.local/bin; fi
  folder=${MCPCTL_INSTALL_DIR:-$folder}
  folder=${folder%/}
  # A relative folder in PATH is another one after the next cd.
  case "$folder" in /*) ;; *) folder=$PWD/$folder ;; esac
  if [ -e "$folder/../lib/mcpctl/package" ]; then fail "$folder/mcpctl is a package's: upgrade the package"; fi
  mkdir -p "$folder" || fail "cannot make $folder; choose another folder with MCPCTL_INSTALL_DIR"
  # In the same folder, so that the program takes its place at once.
  work=$(mktemp -d "$folder/.mcpctl.install-XXXXXX") || fail "cannot write to $folder; choose another with MCPCTL_INSTALL_DIR"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP

  platform=$(platform)
  download "$url/SHA256SUMS" "$work/SHA256SUMS" || fail "cannot download $url/SHA256SUMS"
  line=$(grep -E "^[0-9a-f]{64} [ *]mcpctl-[0-9][0-9A-Za-z.-]*-$platform\.tar\.gz\$" "$work/SHA256SUMS" |
    grep -E "mcpctl-[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?-$platform\.tar\.gz\$" || true)
  [ -n "$line" ] || fail "the release at $url has no program for $platform"
  [ "$(printf '%s\n' "$line" | wc -l)" -eq 1 ] || fail "the release at $url has several programs for $platform"
  expected=${line%% *}
  file=${line##*[ *]}

  download "$url/$file" "$work/$file" || fail "cannot download $url/$file"
  actual=$(sum_of "$work/$file")
  [ "$actual" = "$expected" ] || fail "$file has the wrong sum: $actual instead of $expected. Nothing was installed"
  tar -xzf "$work/$file" -C "$work" || fail "$file cannot be unpacked"
  program=$work/${file%.tar.gz}/mcpctl
  chmod 755 "$program"
  # A program that does not run here never takes the place of one that does.
  version=$("$program" --version) || case "$platform" in
    *musl*) fail 'the program does not run here; on Alpine it needs: apk add libstdc++' ;;
    *) fail 'the program does not run here; nothing was installed' ;;
  esac
  mv -f "$program" "$folder/mcpctl"
  printf '%s is %s\n' "$folder/mcpctl" "${version%% (*}"
  case ":$PATH:" in
    *":$folder:"*) ;;
    *) printf 'it is not in your PATH yet: export PATH="%s:$PATH"\n' "$folder" ;;
  esac
  printf 'next: mcpctl server, and in another terminal: mcpctl init\n'
}

# The last line, so that a script that was cut off does nothing.
main "$@"
