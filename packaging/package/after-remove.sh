#!/bin/sh
# The data and the user stay, unless the package is purged.
set -e
if [ "$1" = purge ]; then
  rm -rf /var/lib/mcpctl /var/lib/private/mcpctl
  rm -f /etc/mcpctl/server.env
  rmdir /etc/mcpctl 2>/dev/null || true
  if getent passwd mcpctl >/dev/null 2>&1; then userdel mcpctl >/dev/null 2>&1 || true; fi
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
