/*
 * plane-layers plane|host DIRECTORY...: makes the layers of overlay2 below the directories mean the same in the other mode of
 * `rancher.docker.isolation`.
 *
 * A directory of a layer that hides what the layers below have in its place is marked so by an attribute. In a user namespace
 * the kernel takes user.overlay.opaque for it, and elsewhere trusted.overlay.opaque, and neither looks at the other. Whatever has
 * the one gets the other, too; without it, files that an image or a container has deleted would be there again. All else in a
 * layer (whiteouts, owners through the idmapped mount, file capabilities) is the same in both modes.
 *
 * What lies there was made by the user plane: no link is followed, no other file system is entered, and depth is bounded.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MOST_DEPTH = 4096 };

static const char *from, *to;
static unsigned long seen, marked, failed;

static void carry(int fd)
{
	char value[16], old[16];
	ssize_t size = fgetxattr(fd, from, value, sizeof value);

	seen++;
	if (size <= 0 || (fgetxattr(fd, to, old, sizeof old) == size && memcmp(old, value, size) == 0))
		return;
	if (fsetxattr(fd, to, value, size, 0) < 0)
		failed++;
	else
		marked++;
}

/* Takes over the descriptor. */
static void walk(int fd, dev_t device, int depth)
{
	struct stat st;
	struct dirent *entry;
	DIR *directory;

	if (fstat(fd, &st) < 0 || st.st_dev != device || depth > MOST_DEPTH || !(directory = fdopendir(fd))) {
		failed += depth > MOST_DEPTH;
		close(fd);
		return;
	}
	carry(fd);
	while ((entry = readdir(directory))) {
		int below;

		if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			walk(below, device, depth + 1);
		else if (errno != ENOTDIR && errno != ELOOP)
			failed++;
	}
	closedir(directory);
}

int main(int argc, char **argv)
{
	const char *in_plane = "user.overlay.opaque", *on_host = "trusted.overlay.opaque";

	if (argc < 3 || (strcmp(argv[1], "plane") && strcmp(argv[1], "host"))) {
		fprintf(stderr, "usage: plane-layers plane|host DIRECTORY...\n");
		return 100;
	}
	from = strcmp(argv[1], "plane") ? in_plane : on_host;
	to = strcmp(argv[1], "plane") ? on_host : in_plane;
	for (int i = 2; i < argc; i++) {
		struct stat st;
		int fd = open(argv[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			continue; /* an engine that has never started */
		if (fd < 0 || fstat(fd, &st) < 0) {
			fprintf(stderr, "plane-layers: cannot open %s: %s\n", argv[i], strerror(errno));
			return 1;
		}
		walk(fd, st.st_dev, 0);
	}
	printf("plane-layers: %lu of %lu directories marked for isolation %s", marked, seen, argv[1]);
	printf(failed ? ", %lu could not be\n" : "\n", failed);
	return 0;
}
