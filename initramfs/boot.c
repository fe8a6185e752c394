/*
 * From the kernel's hand-over to the root image. No step can fail the boot by itself: it is logged, and what depends
 * on it says so in turn. Only a missing root image stops here, and then a person gets a shell.
 */
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS "/sys/fs/cgroup"

struct machine machine = {
	.supervisor = "/usr/bin/ros",
	.supervisor_group = GROUPS "/init/supervisor/cgroup.procs",
	.shell = "/bin/busybox",
	.console = "/dev/console",
	.mounts = "/proc/self/mountinfo",
	.first_alive = 60000,
	.silence = 15000,
	.proven = 60000,
	.delay_min = 200,
	.delay_max = 30000,
	.answer = 10000,
	.term = 5000,
	.kill = 2000,
	.sync = 15000,
	.unmount = 20000,
	.log_window = 10000,
};

static void mount_at(const char *type, const char *point, unsigned long flags, const char *options)
{
	mkdir(point, 0755);
	if (mount(type, point, type, flags, options) < 0)
		say(ERROR, "cannot mount %s on %s: %s", type, point, strerror(errno));
}

/* ---- before the root image ---- */

static void load_module(const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "/modules/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV))
		say(WARNING, "cannot load module %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void load_modules(const char *of, bool enough(void))
{
	char list[8192], path[32], *rest = list; /* not static: `enough` may call for more */

	snprintf(path, sizeof path, "/%s.list", of);
	if (read_file(path, list, sizeof list) < 0)
		say(WARNING, "no %s: only what the kernel has built in", path);
	for (char *name; (name = strsep(&rest, "\n"));) {
		if (!*name)
			continue;
		load_module(name);
		if (enough && enough())
			return;
	}
}

/* How many devices there are: it grows with each bus that comes to life. */
static unsigned count_devices(void)
{
	struct entries buses = { .end = 0 }, devices;
	char path[300];
	unsigned all = 0;
	int bus = open("/sys/bus", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (struct dirent *entry; bus >= 0 && (entry = next_entry(bus, &buses));) {
		snprintf(path, sizeof path, "/sys/bus/%s/devices", entry->d_name);
		int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (devices.at = devices.end = 0; folder >= 0 && next_entry(folder, &devices); all++) { /* counted */ }
		if (folder >= 0)
			close(folder);
	}
	if (bus >= 0)
		close(bus);
	return all;
}

/* Each device says what it is, and modprobe knows what that needs. Ends early when it takes too long: what it loads comes all the same. */
void coldplug(void)
{
	static char script[] = "busybox cat /sys/bus/*/devices/*/modalias 2>/dev/null | busybox sort -u | busybox xargs busybox modprobe -a -q 2>/dev/null";
	static unsigned known;
	unsigned there = access("/modules/modules.alias", F_OK) < 0 ? 0 : count_devices();

	if (there == known)
		return;
	known = there;
	pid_t child = fork();
	if (child == 0) {
		execve(machine.shell, (char *[]){ "busybox", "sh", "-c", script, NULL }, (char *[]){ "PATH=/bin", NULL });
		_exit(127);
	}
	for (int64_t until = now() + 10000; child > 0 && now() < until && waitpid(child, NULL, WNOHANG) == 0;)
		usleep(10000);
}

void prepare(void)
{
	static const char *const fds[][2] = {
		{ "/proc/self/fd", "/dev/fd" }, { "fd/0", "/dev/stdin" }, { "fd/1", "/dev/stdout" }, { "fd/2", "/dev/stderr" },
	};

	umask(0); /* modes below are meant as written; children get the usual 022 */
	mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=755");
	log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_at("securityfs", "/sys/kernel/security", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL); /* AppArmor is loaded there */
	mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620");
	mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (symlink(fds[i][0], fds[i][1]) < 0) { /* there already: fine */ }

	/* The kernel gave us its console or nothing; children inherit 0, 1 and 2 and get neither. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		if (fd != log_fd)
			dup2(null, fd);
	if (null > 2)
		close(null);
	/* No rate limit, or a talkative supervisor loses lines. The kernel insists on the newline; set on its command line it is
	 * locked (EINVAL). */
	if (!write_file("/proc/sys/kernel/printk_devkmsg", "on\n") && errno != EINVAL)
		say(WARNING, "cannot set printk_devkmsg: %s", strerror(errno));
	/* Huge pages for those who ask. Given to everybody they double what a small Go or Node program takes. */
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	/* The drivers of other hardware cost a second and more, and udev loads them later. The file system's own comes first. */
	load_modules("modules", root_in_sight);
}

/* ---- moving into it ---- */

/* The initramfs is memory: give it back. Stays on its file system, and so out of every mount. */
static void delete_tree(int directory, dev_t device)
{
	struct entries entries = { .end = 0 };
	struct stat status;

	for (struct dirent *entry; (entry = next_entry(directory, &entries));) {
		const char *name = entry->d_name;
		if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || status.st_dev != device)
			continue;
		if (!S_ISDIR(status.st_mode)) {
			unlinkat(directory, name, 0);
			continue;
		}
		int inside = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (inside >= 0)
			delete_tree(inside, device);
		unlinkat(directory, name, AT_REMOVEDIR);
	}
	close(directory);
}

static void free_initramfs(void)
{
	enum { RAMFS = 0x858458f6, TMPFS = 0x01021994 };
	int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs system;
	struct stat status;

	if (directory < 0)
		return;
	if (fstat(directory, &status) == 0 && fstatfs(directory, &system) == 0 &&
	    ((unsigned)system.f_type == RAMFS || (unsigned)system.f_type == TMPFS))
		delete_tree(directory, status.st_dev);
	else
		close(directory); /* not an initramfs: nothing of ours to delete */
}

static bool switch_root(void)
{
	static const char *const moved[] = { "/dev", "/proc", "/sys", "/run" };
	char to[32];

	for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
		snprintf(to, sizeof to, "/newroot%s", moved[i]);
		if (mount(moved[i], to, NULL, MS_MOVE, NULL) < 0)
			say(ALERT, "cannot move %s into the root image: %s", moved[i], strerror(errno));
	}
	if (chdir("/newroot") < 0) /* while "/" is still the initramfs */
		return false;
	free_initramfs();
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
		say(ALERT, "cannot move into the root image: %s", strerror(errno));
		return false;
	}
	return true;
}

static void make_writable(void)
{
	const unsigned long safe = MS_NOSUID | MS_NODEV;

	mount_at("tmpfs", "/tmp", safe, "mode=1777");
	mount_at("tmpfs", "/var", safe, "mode=755"); /* containers' layers, too: see find_root */
	mount_at("tmpfs", "/root", safe, "mode=700");
	mount_at("tmpfs", "/home", safe, "mode=755");
	mount_at("tmpfs", "/opt", safe, "mode=755");
	mount_at("tmpfs", "/mnt", safe, "mode=755");
	mount_at("tmpfs", "/media", safe, "mode=755");
	mount_at("tmpfs", "/state", safe, "mode=755");
	mkdir("/var/lib", 0755);
	mkdir("/var/log", 0755);
	mkdir("/var/etc", 0755);
	mkdir("/var/tmp", 01777);
	mkdir("/run/lock", 0755);
	mkdir("/run/etc", 0755);
	if (symlink("/run", "/var/run") < 0)
		say(ERROR, "cannot link /var/run: %s", strerror(errno));
	if (mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL) < 0)
		say(ERROR, "cannot make / shared: %s", strerror(errno));
}

static void make_groups(void)
{
	static const char *const groups[] = { "init", "init/supervisor", "system", "system/engine", "user" };
	static const char *const parents[] = { "", "/system", "/user" };
	static const char *const controllers[] = { "+cpu", "+memory", "+pids", "+io", "+cpuset" };
	char path[64];

	mount_at("cgroup2", GROUPS, MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate,memory_recursiveprot");
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		snprintf(path, sizeof path, GROUPS "/%s", groups[i]);
		mkdir(path, 0755);
	}
	if (!write_file(GROUPS "/init/cgroup.procs", "0"))
		say(ERROR, "cannot move to the control group init: %s", strerror(errno));
	for (size_t p = 0; p < sizeof parents / sizeof *parents; p++)
		for (size_t c = 0; c < sizeof controllers / sizeof *controllers; c++) {
			snprintf(path, sizeof path, GROUPS "%s/cgroup.subtree_control", parents[p]);
			if (!write_file(path, controllers[c])) /* one by one: a kernel may lack some */
				say(WARNING, "control group %s/: no %s: %s", parents[p], controllers[c], strerror(errno));
		}
}

/*
 * Reads ahead what every boot needs, in the order of need. Unpacking it is half of what a boot does, and while one
 * processor starts the supervisor the others have nothing to do. A child that nobody waits for; it is reaped like any other.
 */
static void read_ahead(void)
{
	static const char *const files[] = { "/usr/bin/ros", "/usr/sbin/dockerd", "/usr/bin/containerd", "/usr/bin/containerd-shim-runc-v2" };
	static char sink[128 * 1024];

	if (fork() != 0)
		return;
	setpriority(PRIO_PROCESS, 0, 10);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		while (fd >= 0 && read(fd, sink, sizeof sink) > 0) { /* into the page cache is all */ }
	}
	_exit(0);
}

bool enter_root(void)
{
	if (!find_root() || !switch_root())
		return false;
	make_writable();
	make_groups();
	read_ahead(); /* after the groups: the first one has the kernel patch its own code, and an emulated processor beside it may trip over that */
	return true;
}
