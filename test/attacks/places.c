/* What a container may find in its files, sockets and networks. Nothing is written to what is found. */
#include "attack.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

/* Opened for writing, if asked for; nothing is written. */
static int open_it(int count, char **words)
{
	bool write = count > 1 && !strcmp(words[1], "write");
	int fd = open(words[0], (write ? O_WRONLY : O_RDONLY) | O_NONBLOCK);
	static char some[8192]; /* the kernel's log hands out whole records only */
	if (fd < 0)
		return refused("opening %s", words[0]);
	if (!write && read(fd, some, sizeof some) < 0 && errno != EAGAIN && errno != EPIPE)
		return refused("reading %s", words[0]);
	return worked("opened %s%s", words[0], write ? " for writing" : "");
}

/* ---- everything below a folder that is writable */

static const char *const *left_out;
enum { ENOUGH = 100 };
static int found;
static long looked;
static char first[5 * 2064];

static void walk(const char *folder, int depth)
{
	DIR *all = depth < 24 && found < ENOUGH ? opendir(folder) : NULL;
	char path[2048];

	for (struct dirent *entry; all && found < ENOUGH && (entry = readdir(all));) {
		bool skip = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
		if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path)
			continue;
		for (const char *const *word = left_out; *word && !skip; word++)
			skip = strstr(path, *word) != NULL;
		/* Processes: what is whose there is another question. */
		if (skip || (!strcmp(folder, "/proc") && (atoi(entry->d_name) > 0)))
			continue;
		if (entry->d_type == DT_DIR)
			walk(path, depth + 1);
		if (entry->d_type != DT_REG || ++looked == 0 || access(path, W_OK) < 0)
			continue;
		int fd = open(path, O_WRONLY | O_NONBLOCK);
		if (fd < 0)
			continue;
		close(fd);
		if (found++ < 5)
			strcat(strcat(first, " "), path);
	}
	if (all)
		closedir(all);
}

/* FOLDER [WORD]...: but for paths with one of the words in them. Opened only, never written. */
static int writable(int count, char **words)
{
	static const char *none[64];
	for (int i = 1; i < count && i < 63; i++)
		none[i - 1] = words[i];
	left_out = none;
	walk(words[0], 0);
	errno = EACCES;
	return found ? worked("%d of %ld files can be written, such as%s", found, looked, first) : refused("%ld files, each", looked);
}

/* ---- a path of the machine's, by every root that there is */

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	/* Through a link in /proc: the path itself may be longer than an address. */
	char link[64];
	int place = open(path, O_PATH);
	if (place < 0)
		return -1;
	snprintf(link, sizeof link, "/proc/self/fd/%d", place);
	strcpy(address.sun_path, link);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -1;
	return fd;
}

static bool answers(const char *path)
{
	static const char question[] = "GET /_ping HTTP/1.0\r\nHost: x\r\n\r\n";
	char answer[16] = "";
	int fd = connect_to(path);
	return fd >= 0 && write(fd, question, sizeof question - 1) > 0 && read(fd, answer, sizeof answer - 1) > 5 && !strncmp(answer, "HTTP/", 5);
}

static bool readable(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_NONBLOCK);
	bool is = fd >= 0 && (read(fd, &byte, 1) >= 0 || errno == EISDIR);
	close(fd);
	return is;
}

/* read|ask PATH...: as it is, below /h, and in the root of each process. */
static int reach(int count, char **words)
{
	bool ask = !strcmp(words[0], "ask");
	char path[512];
	int tried = 0;

	for (int i = 1; i < count; i++) {
		void *state = NULL;
		const char *const fixed[] = { "", "/h", "/h/host", "/h/state" };
		for (int n = -(int)(sizeof fixed / sizeof *fixed), pid;; n++, tried++) {
			if (n < 0)
				snprintf(path, sizeof path, "%s%s", fixed[-1 - n], words[i]);
			else if ((pid = next_process(&state)))
				snprintf(path, sizeof path, "/proc/%d/root%s", pid, words[i]);
			else
				break;
			if (ask ? answers(path) : readable(path))
				return worked("%s at %s", ask ? "an answer" : "read", path);
		}
	}
	errno = ENOENT;
	return refused("%d paths", tried);
}

/* ---- device nodes that are there */

static bool is_dangerous(const struct stat *status)
{
	unsigned kind = major(status->st_rdev), number = minor(status->st_rdev);
	return S_ISBLK(status->st_mode) || (S_ISCHR(status->st_mode) && ((kind == 1 && number != 3 && (number <= 4 || number == 11)) || (kind == 10 && number != 200 && number != 229)));
}

/* FOLDER...: block devices, the memory, the kernel's log, and the odd ones (control of loop devices, KVM), but for fuse and tun. */
static int devices(int count, char **words)
{
	char path[512];
	struct stat status;
	int nodes = 0, dangerous = 0;

	for (int i = 0; i < count; i++) {
		DIR *all = opendir(words[i]);
		for (struct dirent *entry; all && (entry = readdir(all));) {
			snprintf(path, sizeof path, "%s/%s", words[i], entry->d_name);
			if (lstat(path, &status) < 0 || (!S_ISBLK(status.st_mode) && !S_ISCHR(status.st_mode)))
				continue;
			nodes++;
			if (!is_dangerous(&status))
				continue;
			dangerous++;
			if (open(path, O_RDONLY | O_NONBLOCK) >= 0)
				return worked("opened %s", path);
		}
		if (all)
			closedir(all);
	}
	if (!dangerous)
		errno = ENOENT;
	return refused("%d device nodes, %d of them not harmless", nodes, dangerous);
}

/* ---- the root of a file system by its number ("shocker") */

static int by_handle(int count, char **words)
{
	struct { uint32_t bytes; int32_t type; uint32_t inode, generation; } handle = { 8, 1, 2, 0 };
	struct stat status;
	int result = REFUSED;

	for (int i = 0; i < count; i++) {
		int place = open(words[i], O_RDONLY | O_DIRECTORY);
		if (place < 0)
			continue;
		int root = syscall(SYS_open_by_handle_at, place, &handle, O_RDONLY | O_DIRECTORY);
		if (root < 0) {
			result = refused("the root of the file system that %s is on", words[i]);
			continue;
		}
		if (fstat(root, &status) == 0 && status.st_ino == 2) {
			bool far = faccessat(root, "var/lib/rancher", F_OK, 0) == 0;
			return worked("the root of the file system that %s is on%s", words[i], far ? ", with var/lib/rancher in it" : "");
		}
	}
	return result;
}

/* ---- networks */

static int tcp(int count, char **words)
{
	(void)count;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1])) };
	struct timeval patience = { .tv_sec = 5 };
	char answer[32] = "";
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, words[0], &address.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return refused("%s port %s", words[0], words[1]);
	if (read(fd, answer, sizeof answer - 1) <= 0)
		return refused("no word from %s port %s", words[0], words[1]);
	return strncmp(answer, CANARY_TEXT, strlen(CANARY_TEXT)) ? refused("somebody else at %s port %s", words[0], words[1]) : worked("the canary answers at %s", words[0]);
}

struct link_message { struct { uint32_t length; uint16_t type, flags; uint32_t sequence, port; } head; struct { uint8_t family, pad; uint16_t kind; int32_t index; uint32_t flags, change; } info; uint8_t rest[8192]; };

/* Asks for interface `index`, in the network namespace that `space` stands for (-1: ours). Its answer is in `answer`; 0 or a negative errno. */
static int ask_link(int index, int space, struct link_message *answer)
{
	enum { GETLINK = 18, ERROR = 2, TARGET = 46 };
	struct { struct link_message message; } all;
	int fd = socket(AF_NETLINK, SOCK_RAW, 0);

	memset(&all, 0, sizeof all);
	all.message.head.length = 32;
	all.message.head.type = GETLINK;
	all.message.head.flags = 1;
	all.message.info.index = index;
	if (space >= 0) {
		const uint16_t attribute[2] = { 8, TARGET };
		memcpy(all.message.rest, attribute, 4);
		memcpy(all.message.rest + 4, &space, 4);
		all.message.head.length = 40;
	}
	if (fd < 0 || send(fd, &all, all.message.head.length, 0) < 0 || recv(fd, answer, sizeof *answer, 0) < 16)
		return -errno;
	close(fd);
	/* The error stands where the interface's description would. */
	return answer->head.type == ERROR ? *(int32_t *)&answer->info : 0;
}

/* The network namespace at the other end of the veth pair: the machine's, seen from the plane. */
static int peer(int count, char **words)
{
	enum { LINK_NETNSID = 37 };
	static struct link_message answer;
	int space = -1, index = 0;

	for (int i = 0; i < count && !index; i++)
		index = (int)if_nametoindex(words[i]);
	int result = ask_link(index, -1, &answer);
	for (uint32_t at = 32; result == 0 && at + 4 <= answer.head.length;) {
		uint16_t attribute[2];
		memcpy(attribute, (char *)&answer + at, 4);
		if ((attribute[1] & 0x3fff) == LINK_NETNSID)
			memcpy(&space, (char *)&answer + at + 4, 4);
		if (attribute[0] < 4)
			break;
		at += (attribute[0] + 3u) & ~3u;
	}
	if (space < 0) {
		fprintf(stderr, "no interface with a peer elsewhere (%s)\n", strerror(-result));
		return WRONG;
	}
	result = ask_link(1, space, &answer);
	errno = -result;
	return result < 0 ? refused("the network of the peer (number %d)", space) : worked("saw an interface in the network of the peer (number %d)", space);
}

/* ---- the runtime, as it enters a container */

/* SECONDS PATH: every process that runs the file at PATH is taken hold of by its /proc/PID/exe, which is then opened for writing (CVE-2019-5736). */
static int overwrite(int count, char **words)
{
	(void)count;
	time_t until = time(NULL) + atoi(words[0]);
	struct stat runtime, status;
	int seen = 0, last = 0, cause = 0;
	char path[64];

	if (stat(words[1], &runtime) < 0) {
		perror(words[1]);
		return WRONG;
	}
	for (; time(NULL) < until; usleep(1000)) {
		void *state = NULL;
		for (int pid; (pid = next_process(&state));) {
			char link[256] = "";
			snprintf(path, sizeof path, "/proc/%d/exe", pid);
			if (pid == last || readlink(path, link, sizeof link - 1) < 0 || (!strstr(link, "crun") && !strstr(link, "runc")) || strstr(link, "shim"))
				continue;
			int hold = open(path, O_PATH);
			if (hold < 0)
				continue;
			seen++;
			last = pid;
			bool same = fstat(hold, &status) == 0 && status.st_ino == runtime.st_ino && status.st_dev == runtime.st_dev;
			snprintf(path, sizeof path, "/proc/self/fd/%d", hold);
			/* Busy as long as it runs: so again until it has ended. */
			for (int again = 0; again < 2000; again++) {
				int fd = open(path, O_WRONLY);
				if (fd >= 0 && same)
					return worked("%s can be written after process %d ran it", words[1], pid);
				cause = errno;
				if (fd >= 0)
					close(fd); /* a copy of it in memory: nobody runs that again */
				if (fd >= 0 || cause != ETXTBSY)
					break;
				usleep(1000);
			}
			close(hold);
		}
	}
	errno = cause;
	return seen ? refused("saw the runtime %d times", seen) : (puts("saw no runtime"), WRONG);
}

const struct verb place_verbs[] = {
	{ "open", open_it, 1 }, { "writable", writable, 1 }, { "reach", reach, 2 }, { "devices", devices, 1 }, { "by-handle", by_handle, 1 },
	{ "tcp", tcp, 2 }, { "peer", peer, 1 }, { "overwrite", overwrite, 2 }, { 0 },
};
