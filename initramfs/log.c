/* The log and some small tools. */
#include "shim.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int log_fd = -1;

void say(int level, const char *format, ...)
{
	char line[512]; /* one write is one record; /dev/kmsg refuses those above 1 KB */
	int room = sizeof line - 1, length = snprintf(line, sizeof line, "<%d>init: ", level);
	va_list args;

	va_start(args, format);
	length += vsnprintf(line + length, room - length, format, args);
	va_end(args);
	if (length > room - 1)
		length = room - 1;
	line[length++] = '\n';
	if (write(log_fd, line, length) < 0) { /* nowhere left to complain */ }
}

int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1, length = 0;

	text[0] = 0;
	if (fd < 0)
		return -1;
	while ((size_t)length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
		length += got;
	close(fd);
	text[length] = 0;
	return got < 0 && length == 0 ? -1 : length;
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

bool parameter(const char *name, char *value, size_t size)
{
	static char line[4096];
	char *rest = line;
	size_t length = strlen(name);
	bool found = false;

	read_file("/proc/cmdline", line, sizeof line);
	for (char *word; (word = strsep(&rest, " \n"));)
		if (!strncmp(word, name, length) && (word[length] == '=' || !word[length])) {
			snprintf(value, size, "%s", word + length + (word[length] == '='));
			found = true;
		}
	return found;
}

struct dirent *next_entry(int directory, struct entries *e)
{
	for (;;) {
		if (e->at >= e->end) {
			e->at = 0;
			e->end = syscall(SYS_getdents64, directory, e->buffer, sizeof e->buffer);
			if (e->end <= 0)
				return NULL;
		}
		struct dirent *entry = (struct dirent *)(e->buffer + e->at);
		e->at += entry->d_reclen;
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			return entry;
	}
}
