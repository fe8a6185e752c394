/*
 * kernel-modprobe -q -- NAME: what the kernel calls to load a module that it misses (kernel.modprobe).
 *
 * For each file of a format that it does not know, the kernel asks for a module binfmt-XXXX. There is none in any kernel of today,
 * and dockerd makes it ask nine times at each start (BuildKit tries programs of other processors), each a start of modprobe with
 * its libraries. They are told so at once; the rest is modprobe's.
 */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc == 4 && strncmp(argv[3], "binfmt-", 7) == 0)
		return 1;
	argv[0] = "modprobe"; /* it is kmod, which goes by its name */
	execv("/usr/sbin/modprobe", argv);
	return 127;
}
