#!/bin/bash
# Becomes a systemd that is process 1 of its own namespaces: processes, mounts, network, host name, control groups. Its
# root is a copy of this machine's that is kept in memory, so that nothing it writes reaches this machine.
#
#   boot.sh NAME FOLDER PROGRAM UNITS    FOLDER is an empty folder, UNITS a folder of unit files
set -eu
name=$1 folder=$2 program=$3 units=$4
mounted=
for group in /sys/fs/cgroup/*; do
  controller=$(basename "$group")
  [ -L "$group" ] && continue
  case $controller in
    systemd) line='[0-9]*:name=systemd:' ;;
    unified) line='0::' ;;
    *) line="[0-9]*:$controller:" ;;
  esac
  path=$(sed -n "s/^$line//p" /proc/self/cgroup)
  [ -n "$path" ] || continue
  mkdir "$group$path/$name" || continue
  # Some hierarchies take no process before they are set up. systemd does without them.
  if (echo $$ >"$group$path/$name/cgroup.procs") 2>/dev/null; then mounted="$mounted $controller"
  else rmdir "$group$path/$name"; fi
done
exec unshare --mount --propagation private --pid --fork --kill-child --uts --ipc --net --cgroup \
  bash "$(dirname "$0")/root.sh" "$folder" "$program" "$units" "$mounted"
