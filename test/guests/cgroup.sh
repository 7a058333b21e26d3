# What test/e2e/cgroup.test.ts does in a guest: every line that begins with FACT is looked at.
fact() { echo "FACT $*"; }
wait_for() {
  i=0
  until eval "$1" >/dev/null 2>&1; do
    sleep 0.1
    i=$((i + 1))
    [ $i -lt 400 ] || { echo "never came true: $1"; journalctl -u paddock --no-pager | tail -n 20; cat /test/*.log; exit 1; }
  done
}
group() { ls -d "${GROUPS_OF:-/sys/fs/cgroup}"/paddock-*/*-*; }
# The agent asks QEMU what it can, too: that is no machine.
machine() {
  for pid in $(pidof qemu-system-x86_64); do
    { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -q paddock-qmp && echo "$pid"
  done | grep .
}
# The allocation of the job that was started last. Commands of paddock's take a second each in here, so files are looked at instead.
allocations() { ls "${DATA:-/var/lib/paddock}/alloc" 2>/dev/null; }
allocation() {
  for a in $(allocations); do
    case $SEEN in *"$a"*) ;; *) echo "$a" ;; esac
  done
}
console() { cat "${DATA:-/var/lib/paddock}/alloc/$(allocation)/alloc/logs/vm.stdout.0"; }
start() {
  SEEN=$(allocations)
  paddock run -detach "/test/jobs/$1.hcl" >/dev/null && wait_for 'console | grep -q .'
}
# The group goes before the end is on record.
ending() {
  wait_for "paddock alloc status -json $2 | grep -q '\"Machine\": *\"ended\"'"
  fact ending "$1" "$(paddock alloc status -json "$2" | tr -d '\n')"
}

paddock systemd unit >/etc/systemd/system/paddock.service
systemctl start paddock

start pinned
PINNED=$(allocation)
G=$(group)
fact group "$G"
for f in memory.max cpu.weight pids.max cpuset.cpus; do fact "$f" "$(cat "$G/$f")"; done
for p in $(cat "$G/cgroup.procs"); do fact member "$(cat "/proc/$p/comm") $(cat "/proc/$p/oom_score_adj")"; done
fact agent "$(cut -d: -f3 "/proc/$(systemctl show -p MainPID --value paddock)/cgroup")"
fact attributes "$(paddock node status | awk '/cgroup/{print $1 $2 $3}' | tr '\n' ' ')"

# The agent's end and its next start are nothing to the machine, and it keeps its limits.
P=$(machine)
systemctl restart paddock
[ "$P" = "$(machine)" ] && fact restarted "$(systemctl is-active paddock) $(cat "$G/memory.max")"
fact greedy "$(paddock run /test/jobs/greedy.hcl 2>&1 | grep ' cores: ')"
paddock stop -purge greedy >/dev/null
kill -9 "$P"
wait_for "! [ -e $G ]"
ending pinned "$PINNED"

start limited
echo 4M >"$(group)/memory.max"
wait_for '! group'
ending limited "$(allocation)"

# While no agent is there.
start alone
systemctl kill -s KILL paddock
systemctl stop paddock
echo 4M >"$(group)/memory.max"
wait_for '! machine'
systemctl start paddock
wait_for '! group'
ending alone "$(allocation)"
systemctl stop paddock
fact left "$(ls -d /sys/fs/cgroup/paddock-* 2>/dev/null)"

# An ordinary user, to whom one group was given: the agent has to leave it for a leaf.
GROUPS_OF=/sys/fs/cgroup/given.scope
DATA=/test/user/data
mkdir "$GROUPS_OF"
chown 1000 "$GROUPS_OF" "$GROUPS_OF/cgroup.procs" "$GROUPS_OF/cgroup.subtree_control"
mkdir -p /test/user
chown 1000 /test/user /test/images/demo.img
export PADDOCK_ADDR=unix:///test/user/run/api.sock
AGENT="paddock agent -config /etc/paddock/paddock.hcl -data-dir $DATA -run-dir /test/user/run"
sh -c "echo 0 >$GROUPS_OF/cgroup.procs && exec su user -c 'exec $AGENT'" >/test/user.log 2>&1 &
PID=$!
wait_for '[ -S /test/user/run/api.sock ]'
start user
fact user-group "$(group)"
fact user-agent "$(cut -d: -f3 "/proc/$PID/cgroup")"
fact user-limits "$(cat "$(group)/memory.max" "$(group)/pids.max" | tr '\n' ' ')"
echo 4M >"$(group)/memory.max"
wait_for '! group'
ending user "$(allocation)"
kill "$PID"
wait

# Linux asks whether who opened the descriptor may move processes, not who writes to it: a wrapper without rights gets in.
mkdir /sys/fs/cgroup/entered
fact entered "$(su user -c 'echo 0 >&6 && cut -d: -f3 /proc/self/cgroup' 6>/sys/fs/cgroup/entered/cgroup.procs)"

# A service of a user of its own: systemd could not start it again while machines run below it, so it goes without.
rm -f /test/user/run/api.sock
systemd-run -q -p User=user -p Delegate=yes -u other $AGENT
wait_for '[ -S /test/user/run/api.sock ]'
journalctl -u other -o cat --no-pager >/test/other.log
fact other "$(grep -c 'without limits' /test/other.log) $(grep -m 1 'without limits' /test/other.log)"
