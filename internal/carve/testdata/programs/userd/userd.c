/* A daemon of the old kind: starts as root, binds a low port, writes its pid and log files, becomes the user userd, and
 * answers over HTTP:
 *
 *   GET /           the message of the day
 *   GET /who        whom it runs as, by name, with its groups
 *   GET /read/NAME  a file of its home directory
 *   GET /key        a file that only root may read: 403
 *   GET /time       local time of /etc/localtime
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static FILE *logfile;

static void note(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(logfile, format, args);
	va_end(args);
	fputc('\n', logfile);
	fflush(logfile);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void stop(int number)
{
	(void)number;
	static const char said[] = "stopped by SIGTERM\n";
	if (write(1, said, sizeof said - 1) < 0)
		_exit(1);
	_exit(0);
}

static void become(const char *name)
{
	struct passwd *user = getpwnam(name);
	if (!user) {
		fprintf(stderr, "userd: no user %s\n", name);
		exit(1);
	}
	if (initgroups(name, user->pw_gid) || setgid(user->pw_gid) || setuid(user->pw_uid))
		die("userd: becoming another user");
	if (setuid(0) == 0) {
		fprintf(stderr, "userd: still able to become root\n");
		exit(1);
	}
	if (chdir(user->pw_dir))
		die(user->pw_dir);
}

static void answer(int client, int code, const char *text)
{
	dprintf(client, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", code, code == 200 ? "OK" : "Error", strlen(text), text);
}

static void send_file(int client, const char *name)
{
	char text[4096];
	int file = open(name, O_RDONLY);
	if (file < 0) {
		int code = errno == EACCES ? 403 : 404;
		snprintf(text, sizeof text, "%s: %s\n", name, strerror(errno));
		answer(client, code, text);
		return;
	}
	ssize_t n = read(file, text, sizeof text - 1);
	close(file);
	text[n > 0 ? n : 0] = 0;
	answer(client, 200, text);
}

static void who(int client)
{
	char text[512];
	gid_t groups[32];
	struct passwd *user = getpwuid(geteuid());
	int at = snprintf(text, sizeof text, "%s:", user ? user->pw_name : "?");
	int n = getgroups(32, groups);
	for (int i = 0; i < n; i++) {
		struct group *group = getgrgid(groups[i]);
		at += snprintf(text + at, sizeof text - at, " %s", group ? group->gr_name : "?");
	}
	snprintf(text + at, sizeof text - at, "\n");
	answer(client, 200, text);
}

static void serve(int client)
{
	char request[2048], path[256], text[128];
	ssize_t n = read(client, request, sizeof request - 1);
	request[n > 0 ? n : 0] = 0;
	if (sscanf(request, "GET %255s", path) != 1) {
		answer(client, 400, "want GET\n");
		return;
	}
	note("GET %s", path);
	if (!strcmp(path, "/")) {
		send_file(client, "/etc/userd.motd");
	} else if (!strcmp(path, "/who")) {
		who(client);
	} else if (!strcmp(path, "/key")) {
		send_file(client, "/etc/userd.key");
	} else if (!strcmp(path, "/log")) {
		send_file(client, "/var/log/userd/userd.log");
	} else if (!strncmp(path, "/read/", 6) && !strchr(path + 6, '/')) {
		send_file(client, path + 6); /* relative to its home */
	} else if (!strcmp(path, "/time")) {
		time_t moment = 1719835200;
		strftime(text, sizeof text, "%H:%M %Z\n", localtime(&moment));
		answer(client, 200, text);
	} else {
		answer(client, 404, "no such page\n");
	}
}

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(79)};
	int on = 1, server = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(server, (struct sockaddr *)&address, sizeof address) || listen(server, 16))
		die("userd: port 79");

	FILE *pid = fopen("/run/userd.pid", "w");
	if (!pid)
		die("/run/userd.pid");
	fprintf(pid, "%d\n", getpid());
	fclose(pid);
	mkdir("/var/log/userd", 0755); /* it may be there */
	if (!(logfile = fopen("/var/log/userd/userd.log", "a")))
		die("/var/log/userd/userd.log");

	become("userd");
	signal(SIGTERM, stop);
	note("serving as uid %d", geteuid());
	printf("listening on port 79\n");
	fflush(stdout);
	for (;;) {
		int client = accept(server, NULL, NULL);
		if (client < 0)
			continue;
		serve(client);
		close(client);
	}
}
