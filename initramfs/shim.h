/* What the parts of the shim share: init.c (the story), boot.c, root.c and verity.c (up to the root image), end.c (the end). */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The machine the shim works on: paths, and how long things may take (ms).
 * This struct and boot.c are the one seam: the tests link a boot.c of their own (and nothing that it calls), the rest is the
 * real code.
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
void load_modules(const char *of, bool enough(void)); /* those in /OF.list, until it is enough (NULL: all) */
void coldplug(void);       /* the drivers that devices ask for, where the image has more than the list; again when there are more devices */

/* root.c */
bool root_in_sight(void);  /* is there, as far as can be told without waiting */
bool find_root(void);      /* mounts it on /newroot, within corral.rootwait; false: said why */

/* verity.c */
enum { BLOCK = 4096 };     /* what is hashed at a time; the root hash is 64 hex digits */
bool verity_open(const char *device, uint64_t blocks, const char *root_hash, char *mapped, size_t size);
void verity_close(void);

/* end.c */
_Noreturn void end_machine(enum how how);

/* log.c */
extern int log_fd;
enum { ALERT = 1, ERROR = 3, WARNING, NOTICE, INFO }; /* ALERT is on every console but with loglevel=1 or 0 */
void say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t now(void);         /* ms, monotonic */
ssize_t read_file(const char *path, char *text, size_t size); /* what fits, as a string; below 0: nothing */
bool write_file(const char *path, const char *text);
bool parameter(const char *name, char *value, size_t size); /* the last NAME=VALUE of the kernel's command line; NAME alone: "" */

/* Directories are read with the system call: opendir would be the only user of malloc. */
struct entries { long at, end; char buffer[2048] __attribute__((aligned(8))); };
struct dirent *next_entry(int directory, struct entries *entries);

#endif
