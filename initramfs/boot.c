/*
 * From the kernel's hand-over to the root image. No step can fail the boot by itself: it is logged, and what depends
 * on it says so in turn. Only a missing root image stops here, and then a person gets a shell.
 */
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ROOT_NAME "CORRAL_ROOT"
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

static bool root_in_sight(void);

/*
 * Ends when the root image has come in sight: the drivers of other hardware cost a second and more, and udev loads them
 * later. The file system's own module therefore comes first in the list.
 */
static void load_modules(void)
{
	static char list[8192];
	char path[256], *rest = list;

	if (read_file("/modules.list", list, sizeof list) < 0)
		say(WARNING, "no /modules.list: only what the kernel has built in");
	for (char *name; (name = strsep(&rest, "\n"));) {
		if (!*name)
			continue;
		snprintf(path, sizeof path, "/modules/%s", name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV))
			say(WARNING, "cannot load module %s: %s", name, strerror(errno));
		if (fd >= 0)
			close(fd);
		if (root_in_sight())
			return;
	}
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
	load_modules();
}

/* ---- finding it ---- */

/* Directories are read with the system call: opendir would be the only user of malloc. */
struct entries { long at, end; char buffer[2048] __attribute__((aligned(8))); };

static struct dirent *next_entry(int directory, struct entries *e)
{
	for (;;) {
		if (e->at >= e->end) {
			e->at = 0;
			e->end = syscall(SYS_getdents64, directory, e->buffer, sizeof e->buffer);
			if (e->end <= 0)
				return NULL;
		}
		struct dirent *entry = (struct dirent *)(e->buffer + e->at);
		e->at += entry->d_reclen;
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			return entry;
	}
}

/* The value of the last `name=` on the kernel's command line. */
static bool parameter(const char *name, char *value, size_t size)
{
	static char line[4096];
	char *rest = line;
	bool found = false;

	read_file("/proc/cmdline", line, sizeof line);
	for (char *word; (word = strsep(&rest, " \n"));)
		if (!strncmp(word, name, strlen(name)) && word[strlen(name)] == '=') {
			snprintf(value, size, "%s", word + strlen(name) + 1);
			found = true;
		}
	return found;
}

/*
 * Says in `what` what stands at the device; true: our root image. squashfs has no volume name, so the build appends a
 * block with ours (scripts/lib/root-image.ts).
 */
static bool is_root(const char *device, char *what, size_t size)
{
	struct { char magic[4]; uint32_t fields[9]; uint64_t bytes_used; } super;
	char name[sizeof ROOT_NAME] = "";
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : pread(fd, &super, sizeof super, 0);

	if (got < 0)
		snprintf(what, size, "%s", strerror(errno));
	else if (got == 0)
		*what = 0; /* a loop device without a file and the like: not worth a word */
	else if (got < (ssize_t)sizeof super || memcmp(super.magic, "hsqs", 4))
		snprintf(what, size, "no squashfs");
	else if (pread(fd, name, sizeof name, (off_t)((super.bytes_used + 4095) & ~4095ull)) < (ssize_t)sizeof name || strcmp(name, ROOT_NAME))
		snprintf(what, size, "squashfs, but not named " ROOT_NAME);
	else
		snprintf(what, size, ROOT_NAME);
	if (fd >= 0)
		close(fd);
	return !strcmp(what, ROOT_NAME);
}

/* The first by name, so that it is the same one every time; with `tell`, every device is described. */
static bool scan(char *device, size_t size, bool tell)
{
	int all = open("/sys/class/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct entries entries = { .end = 0 };
	char path[272], what[64];

	*device = 0;
	for (struct dirent *entry; all >= 0 && (entry = next_entry(all, &entries));) {
		/* A floppy drive takes seconds to say that it is empty. */
		if (!strncmp(entry->d_name, "fd", 2) || !strncmp(entry->d_name, "ram", 3))
			continue;
		snprintf(path, sizeof path, "/dev/%s", entry->d_name);
		for (char *c = path; *c; c++)
			if (*c == '!') /* sysfs' way to write a slash */
				*c = '/';
		if (is_root(path, what, sizeof what) && (!*device || strcmp(path, device) < 0))
			snprintf(device, size, "%s", path);
		if (tell && *what)
			say(ALERT, "  %s: %s", path, what);
	}
	if (all >= 0)
		close(all);
	return *device;
}

/* An image carried inside the initramfs (network boot) goes through a loop device; the loop keeps the deleted file. */
static bool loop_over(const char *file, char *device, size_t size)
{
	enum { LOOP_SET_FD = 0x4C00, LOOP_CTL_GET_FREE = 0x4C82 };
	int image = open(file, O_RDONLY | O_CLOEXEC), control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int loop = -1, number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	snprintf(device, size, "/dev/loop%d", number);
	if (image >= 0 && number >= 0)
		loop = open(device, O_RDWR | O_CLOEXEC);
	bool ok = loop >= 0 && ioctl(loop, LOOP_SET_FD, image) == 0;
	if (!ok)
		say(ERROR, "cannot put %s on a loop device: %s", file, strerror(errno));
	for (int i = 0, fd[] = { image, control, loop }; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return ok;
}

static bool root_in_sight(void)
{
	char device[272] = "", given[256] = "";

	if (parameter("corral.root", given, sizeof given))
		return access(given, F_OK) == 0;
	return access("/root.img", F_OK) < 0 && scan(device, sizeof device, false);
}

/* Mounts the root image on /newroot. */
static bool find_root(void)
{
	char device[272] = "", number[16] = "30", given[256] = "";
	const char *why = "no device with that name";
	bool is_given = parameter("corral.root", given, sizeof given);
	bool is_file = !is_given && access("/root.img", F_OK) == 0 && loop_over("/root.img", device, sizeof device);

	parameter("corral.rootwait", number, sizeof number);
	int64_t seconds = strtol(number, NULL, 10), until = now() + seconds * 1000;
	mkdir("/newroot", 0755);
	do {
		if (is_given)
			snprintf(device, sizeof device, "%s", given);
		if (is_given || is_file || scan(device, sizeof device, false)) {
			if (mount(device, "/newroot", "squashfs", MS_RDONLY, NULL) == 0) {
				say(INFO, "root image: %s", device);
				return true;
			}
			why = strerror(errno);
		}
		usleep(50000);
	} while (now() < until);

	say(ALERT, "cannot find the root image (%s) within %lld s: %s", is_given ? given : ROOT_NAME, (long long)seconds, why);
	say(ALERT, "block devices:");
	scan(device, sizeof device, true);
	say(ALERT, "here is a shell, leave it to search again");
	return false;
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
	mount_at("tmpfs", "/var", 0, "mode=755"); /* containers live there: device nodes and setuid programs */
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
	read_ahead();
	make_writable();
	make_groups();
	return true;
}
