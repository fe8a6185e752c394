/*
 * The end of the machine: TERM, KILL, sync, unmount, reboot(2). Whatever hangs, hangs in a child: every step has its
 * time, and the next one follows.
 */
#include "shim.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Reaps until `child` (or with 0 every process there is: all of them become ours) is gone; false: not in time. */
static bool gone_within(pid_t child, int64_t ms)
{
	int64_t until = now() + ms;
	sigset_t death;

	sigemptyset(&death);
	sigaddset(&death, SIGCHLD);
	for (;;) {
		pid_t dead;
		while ((dead = waitpid(-1, NULL, WNOHANG)) > 0)
			if (dead == child)
				return true;
		if (dead < 0 && errno == ECHILD)
			return true;
		int64_t left = until - now();
		if (left <= 0)
			return false;
		sigtimedwait(&death, NULL, &(struct timespec){ left / 1000, left % 1000 * 1000000 });
	}
}

static void send_to_all(int signal, const char *name, int64_t ms)
{
	int64_t start = now();

	kill(-1, signal);
	kill(-1, SIGCONT); /* the stopped ones must hear it too */
	bool gone = gone_within(0, ms);
	say(NOTICE, "end: %s: %s after %lld ms", name, gone ? "all gone" : "some left", (long long)(now() - start));
}

static void in_a_child(void (*work)(void), const char *name, int64_t ms)
{
	int64_t start = now();
	pid_t child = fork();

	if (child == 0) {
		work();
		_exit(0);
	}
	if (child < 0) {
		say(ERROR, "end: %s: cannot start: %s", name, strerror(errno));
		return;
	}
	bool done = gone_within(child, ms);
	say(NOTICE, "end: %s: %s after %lld ms", name, done ? "done" : "given up", (long long)(now() - start));
}

/* ---- unmounting ---- */

#define MOUNTS 2048
static char table[1 << 20]; /* mountinfo: a line of an overlay alone can have some KB */
static struct { char *point; bool on_disk; } mounted[MOUNTS];

/* Spaces and such are written as \ooo. */
static void unescape(char *s)
{
	char *to = s;
	while (*s) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = 0;
}

/* A line: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS */
static int read_mounts(void)
{
	int count = 0;
	char *rest = table;

	read_file(machine.mounts, table, sizeof table);
	for (char *line; count < MOUNTS && (line = strsep(&rest, "\n")) && *line;) {
		char *point = NULL, *separator = strstr(line, " - ");
		/* The medium that the root image is on (read-only, and busy to the end) has nothing to lose. */
		bool on_disk = separator && strstr(separator, " /dev/") && !strncmp(strrchr(separator, ' '), " rw", 3);
		for (int field = 0; field < 5; field++)
			point = strsep(&line, " ");
		if (!point)
			continue;
		unescape(point);
		/* Without these three there is no telling what is left to do; they keep nothing on a disk. */
		if (!strcmp(point, "/") || !strcmp(point, "/proc") || !strcmp(point, "/dev"))
			continue;
		mounted[count].point = point;
		mounted[count++].on_disk = on_disk;
	}
	return count;
}

static void unmount_all(void)
{
	int count, before = MOUNTS + 1;

	/* Newest first. What was in the way of another is gone in the next pass; stop when a pass gains nothing. */
	while ((count = read_mounts()) > 0 && count < before) {
		before = count;
		for (int i = count - 1; i >= 0; i--)
			umount2(mounted[i].point, 0);
	}
	for (int i = count - 1; i >= 0; i--) {
		if (!mounted[i].on_disk)
			continue;
		bool safe = mount(NULL, mounted[i].point, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0;
		say(WARNING, "end: %s is busy; %s", mounted[i].point, safe ? "now read-only" : strerror(errno));
	}
}

void end_machine(enum how how)
{
	static const int command[] = { RB_POWER_OFF, RB_AUTOBOOT, RB_HALT_SYSTEM };

	say(NOTICE, "end: %s", how_name[how]);
	send_to_all(SIGTERM, "TERM", machine.term);
	send_to_all(SIGKILL, "KILL", machine.kill);
	in_a_child(sync, "sync", machine.sync);
	in_a_child(unmount_all, "unmount", machine.unmount);
	in_a_child(sync, "last sync", machine.sync);
	say(NOTICE, "end: %s now", how_name[how]);
	reboot(command[how]);
	say(ALERT, "end: the kernel does not %s: %s", how_name[how], strerror(errno));
	for (;;)
		pause();
}
