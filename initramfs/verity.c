/*
 * A device over the root image on which every block is checked, as it is read, against the root hash of the boot entry
 * (dm-verity). Three ioctls of device-mapper do it; its library alone is eight times this program.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* linux/dm-ioctl.h, which the C library of this program does not have. */
struct request {
	struct {
		uint32_t version[3], data_size, data_start, targets;
		int32_t open_count;
		uint32_t flags, event, padding;
		uint64_t device;
		char name[128], uuid[129], rest[7];
	} head;
	struct {
		uint64_t start, length; /* in sectors */
		int32_t status;
		uint32_t next;
		char type[16];
	} target;
	char parameters[512];
};
enum { CREATE = 3, REMOVE = 4, SUSPEND = 6, LOAD = 9 };
enum { READ_ONLY = 1 };

static bool device_mapper(int command, struct request *request)
{
	unsigned long number = _IOC(_IOC_READ | _IOC_WRITE, 0xfd, command, sizeof request->head);
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return false;
	memcpy(request->head.version, (uint32_t[3]){ 4 }, sizeof request->head.version);
	request->head.data_size = sizeof *request;
	request->head.data_start = sizeof request->head;
	snprintf(request->head.name, sizeof request->head.name, "corral-root");
	int result = ioctl(control, number, request), error = errno;
	close(control);
	errno = error;
	return result == 0;
}

/* The data, one block with the image's name, the hash tree: scripts/lib/root-image.ts. */
bool verity_open(const char *device, uint64_t blocks, const char *root_hash, char *mapped, size_t size)
{
	struct request create = { 0 }, resume = { 0 }, load = {
		.head = { .flags = READ_ONLY, .targets = 1 },
		.target = { .length = blocks * (BLOCK / 512), .type = "verity" },
	};

	if (!device_mapper(CREATE, &create))
		return false;
	snprintf(load.parameters, sizeof load.parameters, "1 %s %s %d %d %llu %llu sha256 %s -", device, device, BLOCK, BLOCK,
		 (unsigned long long)blocks, (unsigned long long)blocks + 1, root_hash);
	if (!device_mapper(LOAD, &load) || !device_mapper(SUSPEND, &resume)) { /* without its flag it resumes */
		int error = errno;
		verity_close();
		errno = error;
		return false;
	}
	snprintf(mapped, size, "/dev/dm-%u", minor(create.head.device));
	return true;
}

void verity_close(void)
{
	struct request request = { 0 };

	device_mapper(REMOVE, &request);
}
