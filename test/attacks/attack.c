#include "attack.h"

#include <dirent.h>
#include <stdarg.h>

static int print(int result, bool with_cause, const char *format, va_list rest)
{
	int cause = errno;

	vprintf(format, rest);
	if (with_cause)
		printf(": %s", strerror(cause));
	putchar('\n');
	fflush(stdout);
	return result;
}

int worked(const char *format, ...)
{
	va_list rest;
	va_start(rest, format);
	int result = print(WORKED, false, format, rest);
	va_end(rest);
	return result;
}

int refused(const char *format, ...)
{
	va_list rest;
	va_start(rest, format);
	int result = print(REFUSED, true, format, rest);
	va_end(rest);
	return result;
}

int told(long result, const char *what)
{
	return result < 0 ? refused("%s", what) : worked("%s: done", what);
}

int next_process(void **state)
{
	DIR *all = *state ? *state : (*state = opendir("/proc"));

	for (struct dirent *entry; all && (entry = readdir(all));) {
		int pid = atoi(entry->d_name);
		if (pid > 0)
			return pid;
	}
	if (all)
		closedir(all);
	*state = NULL;
	return 0;
}

bool is_canary(int pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY);
	if (fd >= 0) {
		if (read(fd, name, sizeof name - 1) < 0) { /* gone meanwhile */ }
		close(fd);
	}
	return !strncmp(name, CANARY_TEXT, strlen(CANARY_TEXT));
}

int main(int count, char **words)
{
	const struct verb *const all[] = { kernel_verbs, place_verbs, storm_verbs };

	for (size_t i = 0; count > 1 && i < sizeof all / sizeof *all; i++)
		for (const struct verb *verb = all[i]; verb->name; verb++)
			if (!strcmp(verb->name, words[1]) && count - 2 >= verb->at_least)
				return verb->run(count - 2, words + 2);
	fprintf(stderr, "attack: no such verb, or too few words: %s\n", count > 1 ? words[1] : "");
	return WRONG;
}
