#!/bin/bash
# slurmctld.sh TREE FOLDER: runs SLURM with the configurations in FOLDER, see sandbox.sh. FOLDER/first is what slurmctld begins with; then
# come FOLDER/second and FOLDER/bad, by `scontrol reconfigure` and by a trial. What was seen is in FOLDER/seen.
set -euo pipefail
. "$(dirname "$0")/sandbox.sh"
take() { cp "$folder/$1"/*.conf "$root/etc/slurm/"; }

mkdir -p "$root/etc/slurm" "$root/etc/munge" "$root/run/"{munge,slurmctld,slurm} "$root/var/lib/munge" "$root/var/log/munge" "$root/var/log/slurm" "$root/var/lib/slurm/"{slurmctld,slurmd}
head -c 128 /dev/urandom >"$root/etc/munge/munge.key"
head -c 32 /dev/urandom >"$root/var/lib/slurm/jwt_hs256.key"
chmod 0400 "$root/etc/munge/munge.key" && chmod 0600 "$root/var/lib/slurm/jwt_hs256.key"
inside chown -R munge:munge /etc/munge /run/munge /var/lib/munge /var/log/munge
inside chown -R slurm:slurm /var/log/slurm /var/lib/slurm /run/slurmctld
inside setpriv --reuid=munge --regid=munge --clear-groups munged
take first
inside setpriv --reuid=slurm --regid=slurm --clear-groups slurmctld -D >"$seen/slurmctld.log" 2>&1 &
slurmctld=$!
patiently answers
inside slurmd -D -Z -N n-a --conf-server slurmctl --conf "CPUs=2 RealMemory=500 Feature=partition_gpu" >"$seen/slurmd.log" 2>&1 &
patiently idle

inside scontrol show config >"$seen/config"
inside scontrol show partitions --oneliner >"$seen/partitions"
inside sbatch --hold --wrap true >/dev/null
inside sbatch --wrap "sleep 60" >/dev/null
runs() { inside squeue --noheader --states=R | grep -q .; }
patiently runs
# Once the save of its submission is over, its start is not saved by itself, and is by an update that changes nothing.
saved() { stat -c %y "$root/var/lib/slurm/slurmctld/job_state"; }
sleep 6 && pending=$(saved)
inside scontrol update JobId=2 JobName=wrap
anew() { [ "$(saved)" != "$pending" ]; }
patiently anew
inside scontrol update nodename=n-a state=drain reason="cluster-os: cordoned in Kubernetes"
inside scontrol show nodes --json >"$seen/nodes.json"
inside env SLURM_TIME_FORMAT=%s squeue --format="%A|%T|%S|%r" >"$seen/jobs.txt"
inside sbatch --gres=gpu:1 --wrap true >"$seen/gpu" 2>&1 || true

controller() { cat "$root/run/slurmctld/slurmctld.pid"; }
before=$(controller)
take second
inside scontrol reconfigure >"$seen/reconfigured" 2>&1
patiently answers
inside scontrol show partitions --oneliner >"$seen/partitions-after"
inside squeue --noheader --states=all --Format=State >"$seen/states-after"
# What it would not take would end it in the foreground: a trial with a state and a network of its own, and without the pid
# file, by which it would end the first one.
trial() {
  ip link set lo up && ip link add eth0 type veth peer name eth1 && ip address add 10.99.0.1/24 dev eth0 && ip link set eth0 up
  for own in var/lib/slurm/slurmctld run/slurmctld; do mount -t tmpfs tmpfs "$root/$own" && inside chown slurm:slurm "/$own"; done
  mount --bind "$folder/bad" "$root/etc/slurm"
  inside setpriv --reuid=slurm --regid=slurm --clear-groups timeout 20 slurmctld -D
}
export -f trial inside && export root folder
unshare --mount --net bash -c trial >"$seen/refused" 2>&1 && echo accepted >>"$seen/refused"
if [ "$before" = "$(controller)" ] && kill -0 "$before"; then echo same; else echo other; fi >"$seen/process"

# A slurmctld that goes on from before a start begins that job twice: it begins while the partition is down, is saved as waiting, and
# starts within the seconds before the next save.
take first
inside scontrol reconfigure && patiently answers
inside scancel --state=PENDING --user=root && inside scancel --state=RUNNING --user=root
inside scontrol update nodename=n-a state=resume
patiently idle
inside scontrol update partitionname=all state=down
inside sbatch --wrap "sleep 60" >/dev/null
sleep 6 && pending=$(saved)
inside sbatch --hold --wrap true >/dev/null
patiently anew
inside scontrol update partitionname=all state=up
patiently runs
kill -9 "$(controller)"
inside setpriv --reuid=slurm --regid=slurm --clear-groups slurmctld -D >"$seen/slurmctld-again.log" 2>&1 &
refused() { inside squeue --noheader --Format=Reason:40 | grep -q "launch failed" && inside sinfo --noheader --Format=StateLong | grep -q drained; }
patiently refused
inside scontrol show nodes --json >"$seen/nodes-refused.json"
inside env SLURM_TIME_FORMAT=%s squeue --format="%A|%T|%S|%r" >"$seen/jobs-refused.txt"
kill -9 "$(controller)"
exit 0
