/**
 * The steps that a process must take itself, between the one that starts it and the one it becomes: entering cgroups,
 * mounting in its own namespace. Node cannot do them, so they are small programs for /bin/sh, which a lab writes
 * into its state folder. All that varies comes as arguments.
 */

/**
 * launch LOG LOWER UPPER WORK ROOT CGROUPS COMMAND...: runs COMMAND with the overlay mounted at ROOT, again for as long
 * as it ends with 133, which is how systemd-nspawn says that its machine wants to be rebooted. What systemd-nspawn keeps
 * in /run/systemd goes with this process's mounts: a host whose /run is on a disk would keep it for ever.
 */
export const LAUNCH_SCRIPT = `#!/bin/sh
set -eu
umask 077
exec >>"$1" 2>&1
umask 022
mount -t overlay overlay -o "lowerdir=$2,upperdir=$3,workdir=$4" "$5"
mkdir -p /run/systemd
mount -t tmpfs -o mode=755 tmpfs /run/systemd
cgroups=$6
shift 6
boot=0
status=133
while [ "$status" = 133 ]; do
  boot=$((boot + 1))
  status=0
  (
    while read -r cgroup; do
      # Version 2 lets no process into a cgroup that has given its controllers to children: a new one for each boot.
      if [ -e "$cgroup/cgroup.subtree_control" ]; then
        cgroup="$cgroup/boot-$boot"
        mkdir -p "$cgroup"
      fi
      echo 0 >"$cgroup/cgroup.procs"
    done <"$cgroups"
    exec "$@"
  ) || status=$?
done
exit "$status"
`;

/** enter CGROUPS COMMAND...: becomes COMMAND inside the cgroups listed in the file, a line each. */
export const ENTER_SCRIPT = `#!/bin/sh
set -eu
while read -r cgroup; do echo 0 >"$cgroup/cgroup.procs"; done <"$1"
shift
exec "$@"
`;

/**
 * install LOWER UPPER WORK ROOT DEB: installs a package into UPPER. Device nodes are made, not bound: what a package
 * does to its /dev/null must not reach the host's.
 */
export const INSTALL_SCRIPT = `#!/bin/sh
set -eu
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
mount -t proc proc "$4/proc"
mount -t tmpfs -o mode=755 tmpfs "$4/dev"
mount -t tmpfs -o mode=755 tmpfs "$4/run"
mount -t tmpfs -o mode=755 tmpfs "$4/mnt"
mknod -m 666 "$4/dev/null" c 1 3
mknod -m 666 "$4/dev/zero" c 1 5
mknod -m 666 "$4/dev/urandom" c 1 9
ln -s /proc/self/fd "$4/dev/fd"
: >"$4/mnt/package.deb"
mount --bind "$5" "$4/mnt/package.deb"
exec chroot "$4" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \\
  dpkg --force-unsafe-io --install /mnt/package.deb
`;

/**
 * finish LOWER UPPER WORK ROOT DATA SCRIPT: runs SCRIPT in what the packages made, for work that each machine would do at
 * its first boot. What it writes to /var/lib/containerd lies in DATA meanwhile: containers' layers need a real file system.
 */
export const FINISH_SCRIPT = `#!/bin/sh
set -eu
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
mount -t proc proc "$4/proc"
mount -t tmpfs -o mode=755 tmpfs "$4/dev"
mount -t tmpfs -o mode=755 tmpfs "$4/run"
mount -t tmpfs -o mode=755 tmpfs "$4/mnt"
mknod -m 666 "$4/dev/null" c 1 3
mknod -m 666 "$4/dev/zero" c 1 5
mknod -m 666 "$4/dev/urandom" c 1 9
ln -s /proc/self/fd "$4/dev/fd"
mkdir -p "$4/var/lib/containerd"
mount --bind "$5" "$4/var/lib/containerd"
: >"$4/mnt/finish"
mount --bind "$6" "$4/mnt/finish"
chroot "$4" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /bin/sh /mnt/finish
umount "$4/var/lib/containerd"
cp -a "$5/." "$4/var/lib/containerd/"
`;

/**
 * tools TREE COMMAND...: becomes COMMAND of another Debian tree, which sees this host's files at their own places but for
 * its programs and libraries. In a mount namespace of its own.
 */
export const TOOLS_SCRIPT = `#!/bin/sh
set -eu
mount --bind "$1/usr" /usr
if [ -e /etc/ld.so.cache ]; then mount --bind "$1/etc/ld.so.cache" /etc/ld.so.cache; fi
shift
exec "$@"
`;

/**
 * image TREE LOWER ROOT OUT LABEL DISK KERNEL INITRD: makes a disk of an overlay's layers, and takes the kernel out of it.
 * The disk is a file with holes: it costs what is in it.
 */
export const IMAGE_SCRIPT = `#!/bin/sh
set -eu
mount -t overlay overlay -o "lowerdir=$2" "$3"
mount --bind "$1/usr" /usr
mount --bind "$1/etc/ld.so.cache" /etc/ld.so.cache
truncate --size=16G "$4/$6"
mkfs.ext4 -q -F -L "$5" -m 0 -E lazy_itable_init=1,lazy_journal_init=1 -d "$3" "$4/$6"
cp "$3"/boot/vmlinuz-* "$4/$7"
cp "$3"/boot/initrd.img-* "$4/$8"
`;
