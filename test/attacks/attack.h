/* Attempts at the machine from inside a container: each a verb of one static program. Exit 0: it worked, and the last line says how one can tell;
 * 1: it was refused, and the last line says by what; 2: the attempt itself is wrong. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CANARY_ADDRESS "127.7.7.7"
#define CANARY_PORT 4711
#define CANARY_KEY 0x4711
#define CANARY_TEXT "corral-canary"

enum { WORKED = 0, REFUSED = 1, WRONG = 2 };

/* Both print the line and return what main ends with. */
int worked(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* With the words of errno behind it. */
int refused(const char *format, ...) __attribute__((format(printf, 1, 2)));
int told(long result, const char *what); /* the result of a system call */

struct verb { const char *name; int (*run)(int count, char **words); int at_least; };
extern const struct verb kernel_verbs[], place_verbs[], storm_verbs[];

/* The next process in /proc, as a number; 0 at the end. `state` begins as NULL. */
int next_process(void **state);
bool is_canary(int pid);
