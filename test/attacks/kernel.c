/* System calls that the machine's kernel is to refuse. None does harm where it is not refused: what is set is set to what it was. */
#include "attack.h"

#include <sched.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

/* The signal goes to a number, whoever has it here; the canary on the machine writes down that it came. URG: everybody else ignores it. */
static int signal_number(int count, char **words)
{
	(void)count;
	return told(kill(atoi(words[0]), SIGURG), "a signal to the machine's process by its number");
}

static int trace(int count, char **words)
{
	(void)count, (void)words;
	void *state = NULL;

	for (int pid; (pid = next_process(&state));)
		if (is_canary(pid)) {
			if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
				return refused("ptrace of process %d", pid);
			waitpid(pid, NULL, __WALL);
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
			return worked("traced process %d", pid);
		}
	errno = ESRCH;
	return refused("no process of the machine to trace");
}

/* Any process of the machine's own at all: of its init, supervisor, daemons. */
static int see(int count, char **words)
{
	void *state = NULL;
	char path[64], name[32];
	int seen = 0;

	for (int pid; (pid = next_process(&state)); seen++) {
		snprintf(path, sizeof path, "/proc/%d/comm", pid);
		FILE *file = fopen(path, "r");
		if (!file)
			continue;
		if (!fgets(name, sizeof name, file))
			*name = 0;
		fclose(file);
		name[strcspn(name, "\n")] = 0;
		for (int i = 0; i < count; i++)
			if (!strcmp(name, words[i]))
				return worked("process %d is %s", pid, name);
	}
	errno = ESRCH;
	return refused("%d processes, none of them one of the machine's", seen);
}

/* TYPE:[NUMBER]...: the machine's namespaces. Is one to be had from any process, and entered? */
static int enter(int count, char **words)
{
	void *state = NULL;
	char path[64], link[64];
	int looked = 0;

	for (int pid; (pid = next_process(&state));)
		for (int i = 0; i < count; i++, looked++) {
			snprintf(path, sizeof path, "/proc/%d/ns/%.*s", pid, (int)strcspn(words[i], ":"), words[i]);
			ssize_t length = readlink(path, link, sizeof link - 1);
			if (length < 0)
				continue;
			link[length] = 0;
			if (strcmp(link, words[i]))
				continue;
			int fd = open(path, O_RDONLY);
			if (fd < 0 || setns(fd, 0) < 0)
				return refused("%s of process %d", link, pid);
			return worked("entered %s of process %d", link, pid);
		}
	errno = ENOENT;
	return refused("%d namespaces of processes, none of them the machine's", looked);
}

static ino_t number_of(int fd)
{
	struct stat status;
	return fd >= 0 && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* user:[NUMBER]: up from a user namespace of our own to the machine's. */
static int climb(int count, char **words)
{
	(void)count;
	enum { NS_GET_PARENT = 0xb702 };
	ino_t machine = strtoul(strchr(words[0], '[') + 1, NULL, 10);
	int ready[2], steps = 0;
	char path[64];

	if (pipe(ready) < 0)
		return WRONG;
	pid_t child = fork();
	if (child == 0) {
		char done = unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
		if (write(ready[1], &done, 1) < 0) { /* the parent waits in vain */ }
		pause();
		_exit(0);
	}
	char done;
	if (read(ready[0], &done, 1) != 1 || done != 'y') {
		kill(child, SIGKILL);
		return WRONG;
	}
	snprintf(path, sizeof path, "/proc/%d/ns/user", child);
	int fd = open(path, O_RDONLY), cause = 0;
	bool reached = false;
	for (; !reached; steps++) {
		fd = ioctl(fd, NS_GET_PARENT);
		cause = errno;
		if (fd < 0)
			break;
		reached = number_of(fd) == machine;
	}
	kill(child, SIGKILL);
	errno = cause;
	return reached ? worked("the machine's user namespace, %d steps up", steps) : refused("%d steps up, then", steps);
}

/* mnt:[NUMBER]: through the kernel's list of mount namespaces (6.12). */
static int list_mounts(int count, char **words)
{
	(void)count;
	struct { uint32_t size, mounts; uint64_t id; } info;
	ino_t machine = strtoul(strchr(words[0], '[') + 1, NULL, 10);
	int looked = 0, cause = 0;

	for (int which = 11; which <= 12; which++) { /* NS_MNT_GET_NEXT, NS_MNT_GET_PREV */
		int fd = open("/proc/self/ns/mnt", O_RDONLY);
		for (;; looked++) {
			info.size = sizeof info;
			int next = ioctl(fd, (int)(2u << 30 | sizeof info << 16 | 0xb7u << 8 | (unsigned)which), &info);
			cause = errno;
			if (next < 0)
				break;
			if (number_of(next) == machine)
				return worked("the machine's mount namespace, as the %dth of the list", looked + 1);
			close(fd);
			fd = next;
		}
		close(fd);
	}
	errno = cause;
	return refused("%d other mount namespaces, none of them the machine's, then", looked);
}

static int load(int count, char **words)
{
	(void)count;
	int fd = open(words[0], O_RDONLY);
	if (fd < 0) {
		perror(words[0]);
		return WRONG;
	}
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
		return refused("loading %s", words[0]);
	syscall(SYS_delete_module, words[1], O_NONBLOCK);
	return worked("the module %s is loaded", words[1]);
}

static int restart(int count, char **words)
{
	/* Says nothing new to the kernel (init has said it), but only who may end the machine may say it. */
	if (count == 0 || strcmp(words[0], "really"))
		return told(reboot(RB_DISABLE_CAD), "reboot(2)");
	printf("reboot(2) for real\n");
	fflush(stdout);
	return told(reboot(RB_AUTOBOOT), "reboot(2)");
}

/* No segments: forget the kernel that was loaded, which is none. */
static int kexec(int count, char **words) { (void)count, (void)words; return told(syscall(SYS_kexec_load, 0, 0, NULL, 0), "kexec_load(2)"); }

static int kernel_log(int count, char **words)
{
	(void)count, (void)words;
	static char text[65536];
	int length = klogctl(3 /* READ_ALL */, text, sizeof text);
	return length < 0 ? refused("the kernel's log") : worked("%d bytes of the kernel's log", length);
}

static int set_time(int count, char **words)
{
	(void)count, (void)words;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return told(clock_settime(CLOCK_REALTIME, &now), "setting the clock");
}

static int realtime(int count, char **words)
{
	(void)count, (void)words;
	struct { int priority; } parameter = { 50 };
	return told(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameter), "a real-time priority");
}

static int bpf(int count, char **words)
{
	(void)count, (void)words;
	uint32_t attributes[32] = { 0 };
	long result = syscall(SYS_bpf, 11 /* PROG_GET_NEXT_ID */, attributes, sizeof attributes);
	return result < 0 && errno != ENOENT ? refused("the kernel's BPF programs") : worked("the kernel's BPF programs are listed");
}

/* Samples of the kernel itself on every processor. */
static int perf(int count, char **words)
{
	(void)count, (void)words;
	struct { uint32_t type, size; uint64_t config, rest[14]; } attributes = { .type = 1 /* software */, .size = sizeof attributes, .config = 0 };
	return told(syscall(SYS_perf_event_open, &attributes, -1, 0, -1, 0), "counting on processor 0");
}

static int ports(int count, char **words) { (void)count, (void)words; return told(iopl(3), "the processor's ports"); }
static int account(int count, char **words) { (void)count, (void)words; return told(syscall(SYS_acct, NULL), "process accounting"); }

static int memory_segment(int count, char **words)
{
	(void)count, (void)words;
	int id = shmget(CANARY_KEY, 0, 0);
	char *text = id < 0 ? (char *)-1 : shmat(id, NULL, SHM_RDONLY);
	if (text == (char *)-1)
		return refused("the machine's shared memory");
	return worked("read \"%.20s\" in the machine's shared memory", text);
}

static int set_hostname(int count, char **words) { (void)count; return told(sethostname(words[0], strlen(words[0])), "a host name"); }

/* TYPE SOURCE POINT [OPTIONS] */
static int mount_it(int count, char **words)
{
	mkdir(words[2], 0755);
	if (mount(words[1], words[2], words[0], 0, count > 3 ? words[3] : NULL) < 0)
		return refused("mounting %s from %s", words[0], words[1]);
	return worked("mounted %s from %s", words[0], words[1]);
}

static int uncover(int count, char **words)
{
	int result = REFUSED;
	for (int i = 0; i < count; i++) {
		if (umount2(words[i], MNT_DETACH) == 0)
			return worked("%s is uncovered", words[i]);
		result = refused("uncovering %s", words[i]);
	}
	return result;
}

/* A mount without the flags that it was given. */
static int loosen(int count, char **words)
{
	int result = REFUSED;
	for (int i = 0; i < count; i++) {
		if (mount(NULL, words[i], NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
			return worked("%s is writable, with device nodes and setuid programs", words[i]);
		result = refused("loosening %s", words[i]);
	}
	return result;
}

/* File capabilities (setuid) on FILE, as setcap writes them. */
static int give_capability(int count, char **words)
{
	(void)count;
	const uint32_t capability[5] = { 0x02000001, 1u << 7, 0, 0, 0 };
	return told(setxattr(words[0], "security.capability", capability, sizeof capability, 0), "file capabilities");
}

/* As whom this program runs: 0 only for root. */
static int who_am_i(int count, char **words)
{
	(void)count, (void)words;
	if (geteuid() != 0 && setuid(0) < 0)
		return refused("uid %d, and to become root", (int)getuid());
	return worked("runs as root, started by uid %d", (int)getuid());
}

const struct verb kernel_verbs[] = {
	{ "signal", signal_number, 1 }, { "trace", trace, 0 }, { "see", see, 1 }, { "enter", enter, 1 }, { "climb", climb, 1 }, { "list-mounts", list_mounts, 1 },
	{ "load", load, 2 }, { "reboot", restart, 0 }, { "kexec", kexec, 0 }, { "kernel-log", kernel_log, 0 }, { "set-time", set_time, 0 },
	{ "realtime", realtime, 0 }, { "bpf", bpf, 0 }, { "perf", perf, 0 }, { "ports", ports, 0 }, { "account", account, 0 },
	{ "shared-memory", memory_segment, 0 }, { "hostname", set_hostname, 1 }, { "mount", mount_it, 3 }, { "uncover", uncover, 1 }, { "loosen", loosen, 1 },
	{ "give-capability", give_capability, 1 }, { "whoami", who_am_i, 0 }, { 0 },
};
