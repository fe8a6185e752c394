/*
 * PID 1 of CorralOS.
 *
 * The kernel panics when PID 1 goes, so this program never exits, never waits for anything without a bound once the
 * machine is up, and decides nothing: policy is the supervisor's (`ros supervise`). What is left to do here:
 *
 *   find the root image and move into it               boot.c
 *   reap every orphan                                  reap()
 *   start the supervisor, and again when it dies       start(), supervisor_gone(), rescue()
 *     or falls silent
 *   pass on Ctrl-Alt-Del and the power signals         relay()
 *   do what the supervisor says                        hear(), obey()
 *   end the machine                                    end.c
 *
 * One loop (main) waits for a signal, a line from the supervisor or the next deadline. Containers are never touched.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEVER INT64_MAX
#define QUICK_DEATHS 6     /* so many without a proven life between them: a person must look */
#define REPORTS 20         /* orphans described in a window; beyond that they are only counted */
#define REAPS 1000         /* at a time: a fork bomb must not keep the loop from its other duties */

const char *const how_name[] = { "poweroff", "reboot", "halt" };

static const struct { int signal; const char *event; enum how how; } relayed[] = {
	{ SIGINT, "ctrl-alt-del", REBOOT },
	{ SIGTERM, "term", REBOOT },
	{ SIGPWR, "power", POWEROFF },
	{ SIGUSR2, "poweroff", POWEROFF },
	{ SIGUSR1, "halt", HALT },
};

static struct {
	pid_t pid;                       /* 0: not running */
	int socket;                      /* our end, -1: none */
	int64_t first_alive, last_alive; /* heartbeats, 0: none yet */
	int64_t hung_at, start_at;
	int64_t delay;                   /* before the next start */
	int deaths;                      /* since it was last proven */
	char line[128];                  /* what it is saying */
	size_t length;
} supervisor = { .socket = -1, .hung_at = NEVER };

static bool in_root;
static pid_t shell;                      /* the rescue shell, 0: none; the supervisor waits for its exit */
static struct { int64_t at; enum how how; } ending = { .at = NEVER };
static struct { int64_t until, again_at; int reported, counted; } reaped = { .until = NEVER, .again_at = NEVER };

/* ---- children ---- */

/* What a child needs to forget of PID 1: its session, its signals, its protection from the OOM killer. */
static void be_ordinary(const char *oom_score)
{
	sigset_t none;

	setsid();
	/* Not signal(3): the C library refuses to touch the few numbers it keeps to itself. */
	for (int s = 1; s < NSIG; s++)
		syscall(SYS_rt_sigaction, s, (unsigned long[4]){ 0 }, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	write_file("/proc/self/oom_score_adj", oom_score);
}

/* Kernel parameters of the form key=value arrive in our environment; no child may see them. */
static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TERM=linux", NULL };

static _Noreturn void be_supervisor(int socket)
{
	be_ordinary("-900");
	if (!write_file(machine.supervisor_group, "0"))
		say(WARNING, "cannot move the supervisor to %s: %s", machine.supervisor_group, strerror(errno));
	dup2(log_fd, 1);
	dup2(log_fd, 2);
	log_fd = 2; /* 3, which it may have been, is the socket's */
	if (socket == 3)
		fcntl(3, F_SETFD, 0);
	else
		dup2(socket, 3);
	execve(machine.supervisor, (char *[]){ "ros", "supervise", NULL }, environment);
	say(ERROR, "cannot run %s: %s", machine.supervisor, strerror(errno));
	_exit(127);
}

static _Noreturn void be_shell(void)
{
	be_ordinary("0");
	int fd = open(machine.console, O_RDWR);
	if (fd < 0)
		_exit(127);
	ioctl(fd, TIOCSCTTY, 1); /* the kernel never gives /dev/console by itself; without it no ^C */
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	close(fd);
	execve(machine.shell, (char *[]){ "busybox", "sh", "-l", NULL }, environment);
	_exit(127);
}

static void rescue(void)
{
	shell = fork();
	if (shell == 0)
		be_shell();
	if (shell < 0) {
		say(ERROR, "cannot start a rescue shell: %s", strerror(errno));
		shell = 0;
		supervisor.start_at = now() + machine.delay_max;
	}
}

/* ---- the supervisor ---- */

/* The next start waits twice as long each time; after too many, for a person. */
static void start_later(void)
{
	if (++supervisor.deaths >= QUICK_DEATHS) {
		say(ALERT, "the supervisor died %d times in a row; here is a shell, leave it to try again", supervisor.deaths);
		supervisor.deaths = 0;
		supervisor.delay = machine.delay_min;
		rescue();
		return;
	}
	say(WARNING, "supervisor: restart in %lld ms (death %d)", (long long)supervisor.delay, supervisor.deaths);
	supervisor.start_at = now() + supervisor.delay;
	supervisor.delay *= 2;
	if (supervisor.delay > machine.delay_max)
		supervisor.delay = machine.delay_max;
}

static void start(void)
{
	int pair[2];

	supervisor.start_at = NEVER;
	if (!in_root && !(in_root = enter_root())) {
		rescue();
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		say(ERROR, "cannot make the supervisor's socket: %s", strerror(errno));
		start_later();
		return;
	}
	pid_t pid = fork();
	if (pid == 0)
		be_supervisor(pair[1]);
	close(pair[1]);
	if (pid < 0) {
		say(ERROR, "cannot start the supervisor: %s", strerror(errno));
		close(pair[0]);
		start_later();
		return;
	}
	say(INFO, "supervisor: started as %d", pid);
	supervisor.pid = pid;
	supervisor.socket = pair[0];
	supervisor.first_alive = supervisor.last_alive = 0;
	supervisor.length = 0;
	supervisor.hung_at = now() + machine.first_alive;
}

static void obey(const char *line)
{
	if (!strcmp(line, "alive")) {
		supervisor.last_alive = now();
		if (!supervisor.first_alive)
			supervisor.first_alive = supervisor.last_alive;
		if (supervisor.hung_at != NEVER)
			supervisor.hung_at = supervisor.last_alive + machine.silence;
		return;
	}
	for (enum how how = POWEROFF; how <= HALT; how++) {
		size_t n = strlen(how_name[how]);
		if (!strncmp(line, "end ", 4) && !strcmp(line + 4, how_name[how]))
			end_machine(how);
		if (!strncmp(line, "ending ", 7) && !strncmp(line + 7, how_name[how], n) && line[7 + n] == ' ') {
			unsigned long seconds = strtoul(line + 8 + n, NULL, 10);
			if (seconds > 3600)
				seconds = 3600;
			ending.how = how;
			ending.at = now() + (int64_t)seconds * 1000;
			say(NOTICE, "supervisor: %s within %lu s", how_name[how], seconds);
			return;
		}
	}
	say(WARNING, "supervisor: said something unknown: %.60s", line);
}

/* One read, so that a chattering supervisor cannot hold the loop; false when there was nothing. */
static bool hear(void)
{
	char text[512];
	ssize_t got = recv(supervisor.socket, text, sizeof text, MSG_DONTWAIT);

	if (got < 0)
		return false;
	if (got == 0) { /* closed: a heartbeat will be missing soon enough */
		close(supervisor.socket);
		supervisor.socket = -1;
		return false;
	}
	for (ssize_t i = 0; i < got; i++) {
		if (text[i] != '\n') {
			if (supervisor.length < sizeof supervisor.line - 1)
				supervisor.line[supervisor.length++] = text[i];
			continue;
		}
		supervisor.line[supervisor.length] = 0;
		supervisor.length = 0;
		obey(supervisor.line);
	}
	return true;
}

static void supervisor_gone(void)
{
	supervisor.pid = 0;
	supervisor.hung_at = NEVER;
	for (int i = 0; i < 1000 && supervisor.socket >= 0 && hear(); i++) { /* its last words count */ }
	if (supervisor.socket >= 0)
		close(supervisor.socket);
	supervisor.socket = -1;

	if (ending.at != NEVER) { /* it leaves the rest to us */
		say(WARNING, "supervisor: died before the machine had ended");
		end_machine(ending.how);
	}
	/* Counted between heartbeats: one that hangs from its start has not lived, however long that took. */
	if (supervisor.last_alive - supervisor.first_alive >= machine.proven) {
		supervisor.deaths = 0;
		supervisor.delay = machine.delay_min;
	}
	start_later();
}

/* ---- signals and orphans ---- */

static void relay(int signal)
{
	for (size_t i = 0; i < sizeof relayed / sizeof *relayed; i++) {
		if (relayed[i].signal != signal)
			continue;
		say(NOTICE, "signal %d: %s", signal, relayed[i].event);
		if (!supervisor.pid)
			end_machine(relayed[i].how);

		char line[32];
		int length = snprintf(line, sizeof line, "event %s\n", relayed[i].event);
		if (send(supervisor.socket, line, length, MSG_DONTWAIT | MSG_NOSIGNAL) != length)
			say(WARNING, "supervisor: does not take events: %s", strerror(errno));
		if (ending.at == NEVER) {
			ending.at = now() + machine.answer;
			ending.how = relayed[i].how;
		}
	}
}

static const char *cause(const siginfo_t *dead)
{
	static char text[48];

	if (dead->si_code == CLD_EXITED)
		snprintf(text, sizeof text, "exit %d", dead->si_status);
	else
		snprintf(text, sizeof text, "signal %d (%s)", dead->si_status, strsignal(dead->si_status));
	return text;
}

/* `dead` is still a zombie: its name and its control group can be read for a last time. */
static void report_orphan(const siginfo_t *dead)
{
	char path[48], name[32], groups[1024];

	if (reaped.until == NEVER)
		reaped.until = now() + machine.log_window;
	if (reaped.reported == REPORTS) {
		reaped.counted++;
		return;
	}
	reaped.reported++;
	snprintf(path, sizeof path, "/proc/%d/comm", dead->si_pid);
	read_file(path, name, sizeof name);
	name[strcspn(name, "\n")] = 0;
	snprintf(path, sizeof path, "/proc/%d/cgroup", dead->si_pid);
	read_file(path, groups, sizeof groups);
	char *group = strstr(groups, "0::");
	group = group ? group + 3 : "?";
	group[strcspn(group, "\n")] = 0;
	say(INFO, "reaped %d (%s) from %.200s: %s", dead->si_pid, name, group, cause(dead));
}

static void close_report(void)
{
	if (reaped.counted)
		say(INFO, "reaped ... and %d more", reaped.counted);
	reaped.until = NEVER;
	reaped.reported = reaped.counted = 0;
}

static void reap(void)
{
	reaped.again_at = NEVER;
	for (int i = 0; i < REAPS; i++) {
		siginfo_t dead = { 0 };
		if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) < 0 || !dead.si_pid)
			return;
		if (dead.si_pid != supervisor.pid && dead.si_pid != shell)
			report_orphan(&dead);
		waitpid(dead.si_pid, NULL, WNOHANG);

		if (dead.si_pid == supervisor.pid) {
			say(WARNING, "supervisor: died: %s", cause(&dead));
			supervisor_gone();
		} else if (dead.si_pid == shell) {
			say(NOTICE, "rescue shell: %s", cause(&dead));
			shell = 0;
			supervisor.start_at = now() + 1000; /* a shell that cannot run must not make us spin */
		}
	}
	reaped.again_at = now();
}

/* ---- the loop ---- */

static int64_t next_deadline(void)
{
	int64_t all[] = { supervisor.hung_at, supervisor.start_at, ending.at, reaped.until, reaped.again_at };
	int64_t first = NEVER;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i] < first)
			first = all[i];
	return first;
}

static void wait_for(struct pollfd *source, int sources, int64_t until)
{
	int64_t left = until - now();

	poll(source, sources, until == NEVER ? -1 : left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
	/* Held up ourselves (a paused virtual machine, a slow console)? So was the supervisor, and it is not its fault. */
	int64_t late = until == NEVER ? 0 : now() - until;
	if (late > 1000 && supervisor.hung_at != NEVER)
		supervisor.hung_at += late;
}

static void meet_deadlines(void)
{
	if (now() >= ending.at) {
		say(WARNING, "supervisor: has not ended the machine in time");
		end_machine(ending.how);
	}
	if (now() >= supervisor.hung_at) {
		say(ERROR, "supervisor: silent for too long, killing it");
		supervisor.hung_at = NEVER;
		kill(supervisor.pid, SIGKILL);
	}
	if (now() >= supervisor.start_at)
		start();
	if (now() >= reaped.until)
		close_report();
}

int main(void)
{
	sigset_t all;
	struct signalfd_siginfo got;

	if (getpid() != 1) /* anyone else would end by killing every process there is */
		return 1;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prepare();
	write_file("/proc/self/oom_score_adj", "-1000");
	reboot(RB_DISABLE_CAD); /* from here on Ctrl-Alt-Del is a SIGINT to us */
	supervisor.delay = machine.delay_min;

	int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		struct pollfd source[] = { { signals, POLLIN, 0 }, { supervisor.socket, POLLIN, 0 } };
		wait_for(source, 2, next_deadline());
		while (read(signals, &got, sizeof got) == sizeof got)
			relay(got.ssi_signo);
		reap();
		if (supervisor.socket >= 0)
			hear();
		meet_deadlines();
	}
}
