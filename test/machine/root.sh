# The part of boot.sh that runs in the namespaces. Every path is below $R until the root is changed.
set -eu
folder=$1 program=$2 units=$3 controllers=$4
mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
R=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$R"

# Folders of this machine that are another one's here, and empty.
for one in tmp var/tmp; do mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$R/$one"; done
for one in run work var/log var/lib/systemd home mnt srv etc/systemd/system etc/systemd/user; do
  mkdir -p "$R/$one"
  mount -t tmpfs -o mode=755 tmpfs "$R/$one"
done
: >"$R/etc/fstab"
echo 0123456789abcdef0123456789abcdef >"$R/etc/machine-id"
echo machine >"$R/etc/hostname"

# The kernel's settings are those of this machine, so nothing here may change them.
mount -t proc proc "$R/proc"
mount --bind "$R/proc/sys" "$R/proc/sys"
mount -o remount,bind,ro "$R/proc/sys"
if [ -e "$R/proc/sysrq-trigger" ]; then mount --bind /dev/null "$R/proc/sysrq-trigger"; fi
mount -t sysfs -o ro sysfs "$R/sys"
mount -t tmpfs -o mode=755 tmpfs "$R/sys/fs/cgroup"
for controller in $controllers; do
  case $controller in
    systemd) type=cgroup options=none,name=systemd ;;
    unified) type=cgroup2 options=nsdelegate ;;
    *) type=cgroup options=$controller ;;
  esac
  mkdir "$R/sys/fs/cgroup/$controller"
  mount -t $type -o "$options" cgroup "$R/sys/fs/cgroup/$controller"
done

mount -t tmpfs -o mode=755,nosuid tmpfs "$R/dev"
for one in null zero full random urandom tty; do
  : >"$R/dev/$one"
  mount --bind "/dev/$one" "$R/dev/$one"
done
mkdir "$R/dev/pts" "$R/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$R/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$R/dev/shm"
ln -s pts/ptmx "$R/dev/ptmx"
ln -s /proc/self/fd "$R/dev/fd"
for one in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${one%:*}" "$R/dev/${one#*:}"; done

# Services that set up hardware and the kernel have nothing to do here.
for one in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
  systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  proc-sys-fs-binfmt_misc.mount systemd-random-seed.service systemd-update-utmp.service systemd-timesyncd.service \
  systemd-machine-id-commit.service systemd-journal-flush.service systemd-pstore.service systemd-remount-fs.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  sys-fs-fuse-connections.mount kmod-static-nodes.service systemd-sysusers.service systemd-hwdb-update.service \
  systemd-firstboot.service ldconfig.service systemd-networkd.service systemd-resolved.service; do
  ln -s /dev/null "$R/etc/systemd/system/$one"
done
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\n' >"$R/etc/systemd/system/machine.target"
cp "$units"/*.service "$units"/*.socket "$R/etc/systemd/system/"
# Packages have the user's unit here; the copy above is the system's.
rm "$R/etc/systemd/system/mcpctl-agent.service"
cp "$program" "$R/usr/bin/mcpctl"
chmod 755 "$R/usr/bin/mcpctl"

cd "$R"
mkdir old-root
pivot_root . old-root
umount -l /old-root
rmdir /old-root
# systemd passes credentials by mounts that must reach its services. They have long ceased to reach this machine.
mount --make-rshared /
exec env -i container=mcpctl PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  setpriv --bounding-set -sys_time,-sys_module,-sys_rawio,-sys_boot,-syslog,-audit_control,-audit_read,-mknod,-wake_alarm,-block_suspend,-mac_admin,-mac_override \
  /usr/lib/systemd/systemd --unit=machine.target --log-target=console --show-status=no
