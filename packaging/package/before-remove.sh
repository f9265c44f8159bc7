#!/bin/sh
# Stops and disables the server, unless a newer version takes the place of this one.
set -e
case "$1" in
  upgrade | failed-upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl disable --now mcpctl.socket mcpctl.service || true
elif command -v rc-service >/dev/null 2>&1; then
  rc-service --ifstarted mcpctl stop || true
  rc-update delete mcpctl >/dev/null 2>&1 || true
fi
