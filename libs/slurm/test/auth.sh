#!/bin/bash
# auth.sh TREE FOLDER: runs SLURM with auth/slurm, see sandbox.sh. FOLDER/slurm is its configuration, FOLDER/munge the same with munge;
# FOLDER/keys/1 to 4 are slurm.jwks as they follow each other when keys are exchanged. What was seen is in FOLDER/seen.
set -euo pipefail
. "$(dirname "$0")/sandbox.sh"
jwks=/etc/slurm/slurm.jwks controller=/var/lib/slurm/controller
mkdir -p "$root/etc/slurm" "$root/run/"{slurmctld,slurm} "$root/var/log/slurm" "$root/var/lib/slurm/"{slurmctld,slurmd} "$root$controller"
inside chown -R slurm:slurm /var/log/slurm /var/lib/slurm /run/slurmctld
inside useradd --uid 2000 ada
take() { install --owner="$(inside id -u slurm)" --mode=0400 "$folder/keys/$1" "$root$jwks.draft" && mv "$root$jwks.draft" "$root$jwks"; }
export SLURM_CONF=$controller/slurm.conf
controller() { inside setpriv --reuid=slurm --regid=slurm --clear-groups env SLURM_SACK_JWKS=$jwks slurmctld -D -f $controller/slurm.conf; }

# Told where keys of auth/slurm are, SLURM signs with them whatever its configuration says.
take 1 && cp "$folder/munge"/*.conf "$root$controller/"
controller >"$seen/mixed" 2>&1 && echo accepted >>"$seen/mixed"
rm -rf "$root/var/lib/slurm/slurmctld/"*

cp "$folder/slurm"/*.conf "$root$controller/"
controller >"$seen/slurmctld.log" 2>&1 &
patiently answers
# As under systemd: it takes over from itself in another process when it reloads. Nobody hears what it notifies.
env -u SLURM_CONF SLURM_SACK_JWKS=$jwks NOTIFY_SOCKET=/run/nobody chroot "$root" slurmd --systemd -Z -N n-a --conf-server slurmctl --conf "CPUs=2 RealMemory=500" >"$seen/slurmd.log" 2>&1 &
unset SLURM_CONF
patiently idle
as_ada() { inside setpriv --reuid=ada --regid=ada --clear-groups --reset-env "$@"; }
as_ada srun --chdir=/tmp id --user --name >"$seen/user"
inside sbatch --chdir=/tmp --output=/dev/null --wrap "until [ -e /tmp/last ]; do srun true || exit 1; sleep 0.2; done" >/dev/null
runs() { inside squeue --noheader --states=R | grep -q .; }
patiently runs
takeovers() { grep --count "Relinquishing control to new slurmd process" "$seen/slurmd.log" || true; }
for step in 2 3 4; do
  take $step
  before=$(takeovers)
  inside scontrol reconfigure
  anew() { [ "$(takeovers)" -gt "$before" ]; }
  patiently anew
  as_ada srun --chdir=/tmp true && echo $step >>"$seen/steps"
done
touch "$root/tmp/last"
ended() { ! runs; }
patiently ended
inside scontrol show job 2 >"$seen/job"
exit 0
