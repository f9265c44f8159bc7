#!/bin/sh
# Makes the user and the folder of the data. Starts nothing, unless an upgrade finds the server running.
set -e

if ! getent passwd mcpctl >/dev/null 2>&1 && ! grep -q '^mcpctl:' /etc/passwd; then
  if command -v systemd-sysusers >/dev/null 2>&1; then
    systemd-sysusers mcpctl.conf
  elif command -v useradd >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir /var/lib/mcpctl --shell /usr/sbin/nologin mcpctl
  else
    addgroup -S mcpctl
    adduser -S -D -H -h /var/lib/mcpctl -s /sbin/nologin -G mcpctl mcpctl
  fi
fi

# A link is of a unit with DynamicUser=, which systemd replaces.
if [ ! -e /var/lib/mcpctl ] && [ ! -L /var/lib/mcpctl ]; then
  mkdir -p /var/lib/mcpctl
  chmod 0700 /var/lib/mcpctl
  chown mcpctl:mcpctl /var/lib/mcpctl
fi

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  # Debian says "configure" and the version before; others say how many versions there are.
  case "$1:$2" in
    configure:?* | 2:*) systemctl try-restart mcpctl.service || true ;;
  esac
elif [ -n "${2:-}" ] && command -v rc-service >/dev/null 2>&1; then
  # Alpine says the new version, and on an upgrade the one before.
  rc-service --ifstarted mcpctl restart || true
fi
