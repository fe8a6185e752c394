/*
 * disk-share FILES DIRECTORY...: what is made below the directories from now on is one share of their disk (a project, in the words of ext4
 * and xfs), which holds FILES files at most. The machine's root is not bound by it, and nobody in a user namespace can leave it. The
 * file system must have been made with project quota and mounted with prjquota. setquota would bring the libraries of RPC along.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/fs.h and linux/quota.h, which musl does not have. */
struct fsxattr { uint32_t fsx_xflags, fsx_extsize, fsx_nextents, fsx_projid, fsx_cowextsize; unsigned char fsx_pad[8]; };
#define FS_IOC_FSGETXATTR _IOR('X', 31, struct fsxattr)
#define FS_IOC_FSSETXATTR _IOW('X', 32, struct fsxattr)
#define FS_XFLAG_PROJINHERIT 0x200
#define PRJQUOTA 2
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

#define PROJECT 1101 /* any number that means nothing else */

static int fail(const char *what, const char *path)
{
	fprintf(stderr, "disk-share: cannot %s %s: %s\n", what, path, strerror(errno));
	return 1;
}

static int share(const char *path, struct dqblk *most)
{
	struct fsxattr attributes;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return fail("look at", path);
	if (attributes.fsx_projid != PROJECT || !(attributes.fsx_xflags & FS_XFLAG_PROJINHERIT)) {
		attributes.fsx_projid = PROJECT;
		attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
		if (ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0)
			return fail("mark", path);
	}
	if (syscall(SYS_quotactl_fd, fd, QCMD(Q_SETQUOTA, PRJQUOTA), PROJECT, most) < 0)
		return fail("limit the files of", path);
	close(fd);
	return 0;
}

int main(int count, char **words)
{
	struct dqblk most = { .dqb_valid = QIF_ILIMITS };
	char *end = "";
	int status = 0;

	if (count > 2)
		most.dqb_ihardlimit = most.dqb_isoftlimit = strtoull(words[1], &end, 10);
	if (count < 3 || *end || most.dqb_ihardlimit == 0) {
		fprintf(stderr, "usage: disk-share FILES DIRECTORY...\n");
		return 2;
	}
	for (int i = 2; i < count; i++)
		status |= share(words[i], &most);
	return status;
}
