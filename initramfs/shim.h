/* What the parts of the shim share: init.c (the story), boot.c (up to the root image), end.c (the end). */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The machine the shim works on: paths, and how long things may take (ms).
 * This struct and boot.c are the one seam: the tests link a boot.c of their own, the rest is the real code.
 */
struct machine {
	const char *supervisor, *supervisor_group, *shell, *console, *mounts;
	int64_t first_alive;   /* from the supervisor's start to its first heartbeat */
	int64_t silence;       /* between two heartbeats, before it counts as hung */
	int64_t proven;        /* alive for so long, its earlier deaths are forgotten */
	int64_t delay_min, delay_max;
	int64_t answer;        /* from an event to the supervisor's `ending` */
	int64_t term, kill, sync, unmount; /* the steps of the end */
	int64_t log_window;    /* over which reports about orphans are counted */
};
extern struct machine machine;

enum how { POWEROFF, REBOOT, HALT };
extern const char *const how_name[3];

/* boot.c */
void prepare(void);        /* proc, sys, dev, run; the log; the modules */
bool enter_root(void);     /* find the root image and move into it; false: not found, and said why */

/* end.c */
_Noreturn void end_machine(enum how how);

/* log.c */
extern int log_fd;
enum { ALERT = 1, ERROR = 3, WARNING, NOTICE, INFO }; /* ALERT is on every console but with loglevel=1 or 0 */
void say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t now(void);         /* ms, monotonic */
ssize_t read_file(const char *path, char *text, size_t size); /* what fits, as a string; below 0: nothing */
bool write_file(const char *path, const char *text);

#endif
