/*
 * Stands in for initramfs/boot.c in the tests: no machine to bring up, paths and times from the environment.
 * Everything else of the shim is the real code; reboot(2) from PID 1 of a PID namespace ends that namespace only.
 */
#include "../../../initramfs/shim.h"

#include <stdlib.h>
#include <unistd.h>

struct machine machine = {
	.first_alive = 60000, .silence = 15000, .proven = 60000, .delay_min = 200, .delay_max = 30000, .answer = 10000,
	.term = 5000, .kill = 2000, .sync = 15000, .unmount = 20000, .log_window = 10000,
};

static const char *text(const char *name, const char *otherwise)
{
	return getenv(name) ? getenv(name) : otherwise;
}

static void time_from(const char *name, int64_t *ms)
{
	if (getenv(name))
		*ms = strtol(getenv(name), NULL, 10);
}

void prepare(void)
{
	log_fd = dup(2);
	machine.supervisor = text("SUPERVISOR", "/nonexistent");
	machine.supervisor_group = "/dev/null";
	machine.shell = text("RESCUE_SHELL", "/nonexistent");
	machine.console = text("CONSOLE", "/dev/null");
	machine.mounts = text("MOUNTS", "/dev/null");
	time_from("first_alive", &machine.first_alive);
	time_from("silence", &machine.silence);
	time_from("proven", &machine.proven);
	time_from("delay_min", &machine.delay_min);
	time_from("delay_max", &machine.delay_max);
	time_from("answer", &machine.answer);
	time_from("term", &machine.term);
	time_from("kill", &machine.kill);
	time_from("log_window", &machine.log_window);
}

/* The root image is there unless ROOT names a file that is not. */
bool enter_root(void)
{
	return access(text("ROOT", "/"), F_OK) == 0;
}
