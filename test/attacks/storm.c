/* The canary, which runs on the machine and is what attempts are aimed at; and programs that take all there is. */
#include "attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static const char *hit_file;

static void hit(int signal)
{
	(void)signal;
	close(open(hit_file, O_CREAT | O_WRONLY, 0600));
}

/* FILE: made when a signal comes. Answers on the machine's loopback with its name. */
static int canary(int count, char **words)
{
	(void)count;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(CANARY_PORT) };
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	hit_file = words[0];
	inet_pton(AF_INET, CANARY_ADDRESS, &address.sin_addr);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	char *text = shmat(shmget(CANARY_KEY, 4096, IPC_CREAT | 0600), NULL, 0);
	if (text == (char *)-1 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0) {
		perror("canary");
		return WRONG;
	}
	strcpy(text, CANARY_TEXT);
	prctl(PR_SET_NAME, CANARY_TEXT);
	pid_t child = fork();
	if (child != 0)
		return printf("%d\n", child) > 0 && child > 0 ? WORKED : WRONG;
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(open("/dev/null", O_RDWR), fd);
	/* A call that it interrupts goes on: the canary lives. */
	struct sigaction action = { .sa_handler = hit, .sa_flags = SA_RESTART };
	sigaction(SIGURG, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int visitor = accept(listener, NULL, NULL);
		if (visitor >= 0 && write(visitor, CANARY_TEXT "\n", sizeof CANARY_TEXT) < 0) { /* gone again */ }
		close(visitor);
	}
}

/* Processes until there are no more to be had, and each tries again. */
static int bomb(int count, char **words)
{
	(void)count, (void)words;
	signal(SIGCHLD, SIG_IGN);
	for (;;)
		if (fork() < 0)
			usleep(10000);
	return WRONG;
}

/* PERCENT of the machine's memory, again whenever what took it was killed. */
static int hog(int count, char **words)
{
	(void)count;
	struct sysinfo all;
	sysinfo(&all);
	size_t size = all.totalram * all.mem_unit / 100 * (size_t)atoi(words[0]);

	for (;;) {
		pid_t child = fork();
		if (child == 0) {
			char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
			if (memory == MAP_FAILED)
				_exit(1);
			for (size_t at = 0; at < size; at += 4096)
				memory[at] = 1;
			printf("has it all: %zu MB\n", size >> 20);
			fflush(stdout);
			pause();
		}
		int status = 0;
		if (child > 0 && waitpid(child, &status, 0) == child) {
			printf("ended: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
			fflush(stdout);
		}
		usleep(200000);
	}
}

/* FOLDER SECONDS: files of no content for so long, then blocks to the last one, again whenever there is one. */
static int fill(int count, char **words)
{
	(void)count;
	static char block[1 << 16];
	char path[512];
	long made = 0;
	time_t until = time(NULL) + atoi(words[1]);

	snprintf(path, sizeof path, "%s/full", words[0]);
	int full = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600); /* while there is an inode for it */
	for (;; made++) {
		snprintf(path, sizeof path, "%s/empty-%ld", words[0], made);
		errno = 0;
		int fd = time(NULL) < until ? open(path, O_CREAT | O_WRONLY, 0600) : -1;
		if (fd < 0)
			break;
		close(fd);
	}
	printf("%ld empty files: %s\n", made, errno ? strerror(errno) : "time is up");
	memset(block, 'x', sizeof block);
	struct statvfs room;
	/* Reserved at once as far as that goes: it is room that is to be used up, not time. */
	if (fstatvfs(full, &room) == 0 && syscall(SYS_fallocate, full, 0, (off_t)0, (off_t)(room.f_bavail * room.f_bsize / 100 * 98)) < 0)
		perror("fallocate");
	for (bool said = false;;) {
		if (write(full, block, sizeof block) >= 0)
			continue;
		if (!said) {
			printf("full: %s\n", strerror(errno));
			fflush(stdout);
		}
		said = true;
		usleep(100000);
	}
	return WRONG;
}

/* Lines without end, as fast as they are taken. */
static int flood(int count, char **words)
{
	(void)count, (void)words;
	static char lines[1 << 16];
	for (size_t i = 0; i < sizeof lines; i++)
		lines[i] = i % 128 == 127 ? '\n' : 'f';
	for (;;)
		if (write(1, lines, sizeof lines) < 0)
			usleep(10000);
	return WRONG;
}

/* SOCKET SECONDS: answers whoever asks there with words that never end. */
static int lie(int count, char **words)
{
	(void)count;
	static char words_without_end[1 << 16];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	time_t until = time(NULL) + atoi(words[1]);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", words[0]);
	unlink(words[0]);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0)
		return refused("a socket at %s", words[0]);
	chmod(words[0], 0777);
	memset(words_without_end, ' ', sizeof words_without_end);
	struct timeval second = { .tv_sec = 1 };
	setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
	signal(SIGCHLD, SIG_IGN);
	int visitors = 0;
	long long *sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while (time(NULL) < until) {
		int visitor = accept(listener, NULL, NULL);
		if (visitor < 0)
			continue;
		visitors++;
		if (fork() == 0) {
			char question[4096];
			static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nApi-Version: 1.45\r\n\r\n[";
			signal(SIGPIPE, SIG_IGN);
			if (read(visitor, question, sizeof question) <= 0 || write(visitor, head, sizeof head - 1) < 0)
				_exit(0);
			for (ssize_t now; time(NULL) < until && (now = write(visitor, words_without_end, sizeof words_without_end)) > 0;)
				__atomic_add_fetch(sent, now, __ATOMIC_RELAXED);
			_exit(0);
		}
		close(visitor);
	}
	unlink(words[0]);
	return worked("%d asked, and took %lld MB of nonsense", visitors, *sent >> 20);
}

const struct verb storm_verbs[] = {
	{ "canary", canary, 1 }, { "bomb", bomb, 0 }, { "hog", hog, 1 }, { "fill", fill, 2 }, { "flood", flood, 0 }, { "lie", lie, 2 }, { 0 },
};
