/*
 * short-lived PROGRAM [ARGUMENT...], or by the name of one of `names`: runs a program that is over in a moment.
 *
 * On an emulated processor (QEMU without KVM) a program costs about three times as much when it lies at another address each time,
 * for its instructions are translated anew, and dockerd starts iptables 135 to 200 times (docs/adr/0008 has the numbers). There,
 * and only there, it runs without random addresses. What it starts inherits that, so nothing that stays is started this way.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

static const struct { const char *name, *program; } names[] = {
	{ "iptables", "/usr/sbin/xtables-nft-multi" },
	{ "ip6tables", "/usr/sbin/xtables-nft-multi" },
};

static int is_emulated(void)
{
	unsigned eax, name[3], ecx;

	__cpuid(1, eax, name[0], ecx, name[1]);
	if (!(ecx & 1u << 31)) /* no hypervisor */
		return 0;
	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	return memcmp(name, "TCGTCGTCGTCG", sizeof name) == 0;
}

int main(int argc, char **argv)
{
	const char *called = argc > 0 ? argv[0] : "", *slash = strrchr(called, '/'), *program = NULL;

	if (slash)
		called = slash + 1;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(called, names[i].name) == 0)
			program = names[i].program;
	if (!program) {
		if (argc < 2) {
			fputs("usage: short-lived PROGRAM [ARGUMENT...]\n", stderr);
			return 2;
		}
		program = *++argv;
	}
	if (is_emulated())
		personality(personality(0xffffffff) | ADDR_NO_RANDOMIZE); /* refused (seccomp): it is slow, and works */
	execvp(program, argv);
	fprintf(stderr, "short-lived: cannot run program \"%s\": %s\n", program, strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
