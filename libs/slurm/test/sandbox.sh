# Sourced by a script that was given TREE and FOLDER: goes on with it in namespaces of its own, with a copy of the Debian tree TREE at
# $root that is gone in the end; the tree stays as it is. What was seen is in $seen. Needs root. Everything ends with this process.
tree=$1 folder=$2
if [ "${3:-}" != inside ]; then
  exec unshare --mount --propagation private --net --uts --ipc --pid --fork --kill-child "$0" "$tree" "$folder" inside
fi
seen=$folder/seen root=$folder/root
mkdir -p "$seen" "$root" "$folder/rw"
mount -t tmpfs tmpfs "$folder/rw" && mkdir "$folder/rw/upper" "$folder/rw/work"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$folder/rw/upper,workdir=$folder/rw/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run" && mount -t tmpfs tmpfs "$root/dev" && mkdir "$root/dev/shm"
for device in null zero random urandom; do touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"; done
# Names are resolved only where there is an address of more than this machine.
ip link set lo up
ip link add eth0 type veth peer name eth1
ip address add 10.99.0.1/24 dev eth0
ip link set eth0 up && ip link set eth1 up
hostname slurmctl
printf '127.0.0.1 localhost\n10.99.0.1 slurmctl\n0.0.0.0 anyaddr\n' >"$root/etc/hosts"
inside() { chroot "$root" "$@"; }
patiently() { for _ in $(seq 100); do if "$@" >"$seen/last" 2>&1; then return; fi; sleep 0.2; done; echo "gave up: $*" >&2 && cat "$seen/last" "$seen/slurmctld.log" >&2 && exit 1; }
answers() { inside scontrol ping | grep -q "is UP"; }
idle() { inside sinfo --noheader --Format=StateLong | grep -q idle; }
