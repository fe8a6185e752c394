/*
 * Where the root image is: on a block device as it is; in a file of the initramfs, /root.img (network boot); in a file of a
 * boot medium, an ISO 9660 file system with /corral/root.img. A file gets a loop device. With corral.roothash only the
 * image with that hash is taken, and it is read through dm-verity.
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
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT_NAME "CORRAL_ROOT"
#define IN_INITRAMFS "/root.img"
#define MEDIUM "/run/corral/medium" /* stays mounted, and moves along with /run */
#define ON_MEDIUM MEDIUM "/corral/root.img"
#define NAMED 272 /* room for the name of a device */

static char wanted[65]; /* corral.roothash, "": any image with the name */
static char why[NAMED + 128]; /* the last try failed */

/* A hash that cannot be one is a mistake, and no leave to boot anything: nothing matches it. */
static void read_wanted(void)
{
	char value[sizeof wanted + 1];

	if (parameter("corral.roothash", value, sizeof value))
		strcpy(wanted, strlen(value) == sizeof wanted - 1 ? value : "?");
}

/* ---- what it looks like ---- */

/* The bytes of the squashfs, in whole blocks; 0: there is none. */
static uint64_t squashfs_bytes(int fd)
{
	struct { char magic[4]; uint32_t fields[9]; uint64_t bytes_used; } super;

	if (pread(fd, &super, sizeof super, 0) < (ssize_t)sizeof super || memcmp(super.magic, "hsqs", 4))
		return 0;
	return (super.bytes_used + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);
}

/*
 * Says in `what` what stands there; true: the root image that is wanted. squashfs has no volume name, so the build appends
 * a block with ours and with the root hash (scripts/lib/root-image.ts). That hash is only a hint: dm-verity gets `wanted`.
 */
static bool is_root(const char *path, char *what, size_t size)
{
	struct { char name[16], hash[sizeof wanted]; } block = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char first;
	ssize_t got = fd < 0 ? -1 : pread(fd, &first, 1, 0);
	uint64_t bytes = got > 0 ? squashfs_bytes(fd) : 0;
	bool found = false;

	if (got < 0)
		snprintf(what, size, "%s", strerror(errno));
	else if (got == 0)
		*what = 0; /* a loop device without a file and the like: not worth a word */
	else if (bytes == 0)
		snprintf(what, size, "no squashfs");
	else if (pread(fd, &block, sizeof block, (off_t)bytes) < (ssize_t)sizeof block || memcmp(block.name, ROOT_NAME, sizeof ROOT_NAME))
		snprintf(what, size, "squashfs, but not named " ROOT_NAME);
	else if (*wanted && strncmp(block.hash, wanted, sizeof wanted))
		snprintf(what, size, ROOT_NAME ", but not the image that the boot entry was made for");
	else
		found = true;
	if (found)
		snprintf(what, size, ROOT_NAME);
	if (fd >= 0)
		close(fd);
	return found;
}

static bool is_iso(const char *device)
{
	char id[5] = "";
	int fd = open(device, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool is = pread(fd, id, sizeof id, 16 * 2048 + 1) == sizeof id && !memcmp(id, "CD001", sizeof id);
	close(fd);
	return is;
}

static bool mount_medium(const char *device)
{
	static bool loaded;

	if (!loaded)
		load_modules("iso", NULL);
	loaded = true;
	mkdir("/run/corral", 0755);
	mkdir(MEDIUM, 0755);
	return mount(device, MEDIUM, "iso9660", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

static bool is_medium(const char *device, char *what, size_t size)
{
	if (!is_iso(device))
		return false;
	if (!mount_medium(device)) {
		snprintf(what, size, "ISO 9660: %s", strerror(errno));
		return false;
	}
	int length = snprintf(what, size, "ISO 9660, /corral/root.img: ");
	bool found = is_root(ON_MEDIUM, what + length, size - length);
	umount2(MEDIUM, 0);
	return found;
}

static bool is_either(const char *device, char *what, size_t size)
{
	return is_root(device, what, size) || is_medium(device, what, size);
}

/* The next by name after `device` ("": the first), so that it is the same one every time; with `tell`, every device is described. */
static bool scan(bool fits(const char *, char *, size_t), char *device, bool tell)
{
	int all = open("/sys/class/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct entries entries = { .end = 0 };
	char path[NAMED], after[NAMED], what[128];

	snprintf(after, sizeof after, "%s", device);
	*device = 0;
	for (struct dirent *entry; all >= 0 && (entry = next_entry(all, &entries));) {
		/* A floppy drive takes seconds to say that it is empty. */
		if (!strncmp(entry->d_name, "fd", 2) || !strncmp(entry->d_name, "ram", 3))
			continue;
		snprintf(path, sizeof path, "/dev/%s", entry->d_name);
		for (char *c = path; *c; c++)
			if (*c == '!') /* sysfs' way to write a slash */
				*c = '/';
		*what = 0;
		if (fits(path, what, sizeof what) && strcmp(path, after) > 0 && (!*device || strcmp(path, device) < 0))
			snprintf(device, NAMED, "%s", path);
		if (tell && *what)
			say(ALERT, "  %s: %s", path, what);
	}
	if (all >= 0)
		close(all);
	return *device;
}

/* A boot medium's own entries say so: the disk that it is to be installed on may hold the same image. */
static bool only_medium(void)
{
	char given[NAMED];

	return parameter("corral.root", given, sizeof given) && !strcmp(given, "medium");
}

bool root_in_sight(void)
{
	char device[NAMED] = "", what[128];

	read_wanted();
	if (only_medium())
		return scan(is_medium, device, false);
	if (parameter("corral.root", device, sizeof device))
		return access(device, F_OK) == 0;
	return is_root(IN_INITRAMFS, what, sizeof what) || scan(is_root, device, false) || scan(is_medium, device, false);
}

/* ---- a file as a device ---- */

enum { LOOP_SET_FD = 0x4C00, LOOP_CLR_FD = 0x4C01, LOOP_CTL_GET_FREE = 0x4C82 };

/* The loop keeps the file, even a deleted one. */
static bool loop_over(const char *file, char *device)
{
	load_modules("loop", NULL);
	int image = open(file, O_RDONLY | O_CLOEXEC), control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int loop = -1, number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	snprintf(device, NAMED, "/dev/loop%d", number);
	if (image >= 0 && number >= 0)
		loop = open(device, O_RDWR | O_CLOEXEC);
	bool ok = loop >= 0 && ioctl(loop, LOOP_SET_FD, image) == 0;
	if (!ok)
		snprintf(why, sizeof why, "cannot put %s on a loop device: %s", file, strerror(errno));
	for (int i = 0, fd[] = { image, control, loop }; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return ok;
}

static bool copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t got = -1;

	while (in >= 0 && out >= 0 && (got = sendfile(out, in, NULL, 1 << 20)) > 0) { /* a piece at a time */ }
	if (got < 0) {
		say(ERROR, "cannot copy the root image into memory, the medium stays in use: %s", strerror(errno));
		unlink(to);
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return got == 0;
}

static bool open_medium(char *device)
{
	char value[8], medium[NAMED] = "";

	if (!scan(is_medium, medium, false) || !mount_medium(medium))
		return false;
	say(INFO, "boot medium: %s", medium);
	bool to_ram = parameter("corral.toram", value, sizeof value) && strcmp(value, "false") && strcmp(value, "0");
	if (to_ram)
		say(NOTICE, "boot medium: copying the root image into memory");
	if (!to_ram || !copy(ON_MEDIUM, IN_INITRAMFS))
		return loop_over(ON_MEDIUM, device);
	umount2(MEDIUM, 0);
	say(INFO, "boot medium: the root image is in memory, the medium can be removed");
	return loop_over(IN_INITRAMFS, device);
}

/* A failed try leaves nothing behind. */
static void let_go(const char *device)
{
	int loop = strncmp(device, "/dev/loop", 9) ? -1 : open(device, O_RDONLY | O_CLOEXEC);

	if (loop >= 0) {
		ioctl(loop, LOOP_CLR_FD, 0);
		close(loop);
	}
	umount2(MEDIUM, 0);
}

/* ---- mounting it ---- */

/* Containers run programs of its layers, setuid ones too, by overlays: only the overlay's own flags count there. */
static bool mount_on_newroot(const char *device)
{
	return mount(device, "/newroot", "squashfs", MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) == 0;
}

static bool mount_verified(const char *device)
{
	char mapped[32];
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t bytes = fd < 0 ? 0 : squashfs_bytes(fd);

	if (fd >= 0)
		close(fd);
	load_modules("verity", NULL);
	if (!verity_open(device, bytes / BLOCK, wanted, mapped, sizeof mapped)) {
		snprintf(why, sizeof why, "cannot verify %s: %s", device, strerror(errno));
		return false;
	}
	if (mount_on_newroot(mapped))
		return true;
	if (errno == EIO) /* the kernel's own word on it is a line above */
		snprintf(why, sizeof why, "%s is corrupt: it does not match corral.roothash", device);
	else
		snprintf(why, sizeof why, "%s: %s", device, strerror(errno));
	verity_close();
	return false;
}

static bool mount_root(const char *device)
{
	if (!*wanted && !mount_on_newroot(device)) {
		snprintf(why, sizeof why, "%s: %s", device, strerror(errno));
		return false;
	}
	if (*wanted && !mount_verified(device))
		return false;
	say(INFO, "root image: %s, %s", device, *wanted ? "verified by its root hash" : "not verified (no corral.roothash)");
	return true;
}

/* Where it is to be mounted from, the next one after `device`; false: none in sight. */
static bool choose(char *device)
{
	char what[128];

	if (only_medium())
		return open_medium(device);
	if (parameter("corral.root", device, NAMED)) {
		if (!*wanted || is_root(device, what, sizeof what))
			return true;
		snprintf(why, sizeof why, "%s", what);
		return false;
	}
	if (is_root(IN_INITRAMFS, what, sizeof what))
		return loop_over(IN_INITRAMFS, device);
	return scan(is_root, device, false) || open_medium(device);
}

static void describe(int64_t seconds)
{
	char device[NAMED], what[128];

	if (!parameter("corral.root", device, sizeof device))
		snprintf(device, sizeof device, ROOT_NAME);
	say(ALERT, "cannot find the root image (%s) within %lld s: %s", device, (long long)seconds, why);
	say(ALERT, "block devices:");
	*device = 0;
	scan(is_either, device, true);
	if (access(IN_INITRAMFS, F_OK) == 0) {
		is_root(IN_INITRAMFS, what, sizeof what);
		say(ALERT, "  in the initramfs: %s", what);
	}
	say(ALERT, "here is a shell, leave it to search again");
}

bool find_root(void)
{
	char device[NAMED] = "", number[16] = "30";

	read_wanted();
	parameter("corral.rootwait", number, sizeof number);
	int64_t seconds = strtol(number, NULL, 10), until = now() + seconds * 1000;
	snprintf(why, sizeof why, *wanted ? "no device with the image that the boot entry was made for" : "no device with that name");
	mkdir("/newroot", 0755);
	do {
		useconds_t pause = 50000;
		if (choose(device)) {
			if (mount_root(device))
				return true;
			let_go(device);
			pause = access(device, F_OK) == 0 ? 1000000 : pause; /* it is there, and will hardly change */
		} else
			coldplug();
		usleep(pause);
	} while (now() < until);
	describe(seconds);
	return false;
}
