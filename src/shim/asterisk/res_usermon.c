/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * res_usermon: opens libusermon.so inside Asterisk and tells it what happens. This file loads, reloads and unloads, and
 * has the command line; the other files hook into Asterisk. On any failure it declines to load, having undone what it
 * had begun: it never stops the PBX.
 */

#include "asterisk.h"

#include <dlfcn.h>

#include "asterisk/ast_version.h"
#include "asterisk/cli.h"
#include "asterisk/config.h"
#include "asterisk/lock.h"
#include "asterisk/module.h"
#include "asterisk/netsock2.h"
#include "asterisk/paths.h"
#include "asterisk/utils.h"

#include "shim.h"

#define DEFAULT_LIBRARY "/usr/lib/usermon/libusermon.so"

struct usermon_shim usermon;

static int inside;
static void *library;

void usermon_enter(void)
{
	ast_atomic_fetchadd_int(&inside, +1);
}

void usermon_leave(void)
{
	ast_atomic_fetchadd_int(&inside, -1);
}

/*
 * A thread can stand between Asterisk's look-up of a callback and its first instruction, or between its last and the
 * return; the pause lets it through.
 */
static void wait_until_empty(void)
{
	while (ast_atomic_fetchadd_int(&inside, 0) > 0) {
		usleep(10000);
	}
	usleep(50000);
}

void usermon_address(usermon_addr *to, const struct ast_sockaddr *from)
{
	struct ast_sockaddr v4;

	memset(to, 0, sizeof(*to));
	if (ast_sockaddr_isnull(from)) {
		return;
	}
	if (ast_sockaddr_ipv4_mapped(from, &v4)) {
		from = &v4;
	}
	to->port = ast_sockaddr_port(from);
	if (ast_sockaddr_is_ipv4(from)) {
		to->family = 4;
		memcpy(to->ip, &((const struct sockaddr_in *) &from->ss)->sin_addr, 4);
	} else {
		to->family = 6;
		memcpy(to->ip, &((const struct sockaddr_in6 *) &from->ss)->sin6_addr, 16);
	}
}

static void host_log(void *ctx, uint32_t level, usermon_bytes line)
{
	int len = (int) line.len;
	const char *text = (const char *) line.ptr;

	switch (level) {
	case 1:
		ast_debug(1, "usermon: %.*s\n", len, text);
		break;
	case 2:
		ast_log(LOG_NOTICE, "usermon: %.*s\n", len, text);
		break;
	case 3:
		ast_log(LOG_WARNING, "usermon: %.*s\n", len, text);
		break;
	default:
		ast_log(LOG_ERROR, "usermon: %.*s\n", len, text);
		break;
	}
}

/* usermon.conf is optional; it only says where the library and its own configuration are. */
static int read_paths(char *library_path, char *config_path, size_t size)
{
	struct ast_flags flags = { 0 };
	struct ast_config *config;
	const char *value;

	ast_copy_string(library_path, DEFAULT_LIBRARY, size);
	snprintf(config_path, size, "%s/usermon.toml", ast_config_AST_CONFIG_DIR);
	config = ast_config_load("usermon.conf", flags);
	if (config == CONFIG_STATUS_FILEINVALID) {
		ast_log(LOG_ERROR, "usermon.conf can't be read; write [general] with `library = PATH` and `config = PATH`, or remove the file\n");
		return -1;
	}
	if (config) {
		value = ast_variable_retrieve(config, "general", "library");
		if (!ast_strlen_zero(value)) {
			ast_copy_string(library_path, value, size);
		}
		value = ast_variable_retrieve(config, "general", "config");
		if (!ast_strlen_zero(value)) {
			ast_copy_string(config_path, value, size);
			ast_config_destroy(config);
			return 0;
		}
		ast_config_destroy(config);
	}
	if (access(config_path, F_OK)) {
		ast_log(LOG_NOTICE, "%s does not exist: usermon takes its defaults\n", config_path);
		config_path[0] = '\0';
	}
	return 0;
}

static const char *status_words(int32_t status)
{
	switch (status) {
	case USERMON_ERR_VERSION:
		return "the library is of another major version than this module; install both from one release";
	case USERMON_ERR_CONFIG:
		return "the configuration is wrong; the line before says where";
	case USERMON_ERR_IO:
		return "the operating system refused something; the line before says what";
	case USERMON_ERR_BUSY:
		return "its data folder is in use; the line before says by whom";
	case USERMON_ERR_STORED:
		return "its stored data can't be read; the line before says what to do";
	case USERMON_ERR_PANIC:
	case USERMON_ERR_POISONED:
		return "it met a fault of its own; the line before says where";
	default:
		return "see the line before";
	}
}

static void core_close(void)
{
	int32_t status = usermon.api->close(usermon.handle);

	if (status < 0 && status != USERMON_ERR_HANDLE) {
		ast_log(LOG_WARNING, "usermon did not close cleanly (%d): %s\n", status, status_words(status));
	}
}

/* The library is linked so that it stays mapped: a thread of Asterisk that once ran its code still ends through it. */
static void core_stop(void)
{
	ast_unregister_atexit(core_close);
	core_close();
	wait_until_empty();
	dlclose(library);
	library = NULL;
}

static int core_start(void)
{
	char library_path[PATH_MAX];
	char config_path[PATH_MAX];
	char name[128];
	const usermon_api *(*entry)(void);
	usermon_host host = { .size = sizeof(host), .abi_version = USERMON_ABI_VERSION, .log = host_log };
	int32_t status;

	if (read_paths(library_path, config_path, PATH_MAX)) {
		return -1;
	}
	library = dlopen(library_path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library) {
		ast_log(LOG_ERROR, "can't open the library: %s; put `library = PATH` into [general] of usermon.conf\n", dlerror());
		return -1;
	}
	*(void **) &entry = dlsym(library, "usermon_entry");
	usermon.api = entry ? entry() : NULL;
	if (!usermon.api) {
		ast_log(LOG_ERROR, "%s is not a usermon library\n", library_path);
	} else if (usermon.api->abi_version / 1000 != USERMON_ABI_VERSION / 1000 || usermon.api->size < sizeof(usermon_api)) {
		ast_log(LOG_ERROR, "%s has version %u of the boundary, this module %u; install both from one release\n",
			library_path, usermon.api->abi_version, USERMON_ABI_VERSION);
	} else {
		snprintf(name, sizeof(name), "Asterisk %s", ast_get_version());
		host.name = usermon_text(name);
		status = usermon.api->open(&host, usermon_text(config_path), &usermon.handle);
		if (!status) {
			/* `core stop now` unloads no module; what is in memory is written all the same. */
			ast_register_atexit(core_close);
			return 0;
		}
		ast_log(LOG_ERROR, "usermon did not open (%d): %s\n", status, status_words(status));
	}
	dlclose(library);
	library = NULL;
	return -1;
}

static int reload_module(void)
{
	int32_t status = usermon.api->reload(usermon.handle);

	if (status < 0) {
		ast_log(LOG_ERROR, "usermon stays as it was (%d): %s\n", status, status_words(status));
		return -1;
	}
	return 0;
}

static void cli_write(void *ctx, usermon_bytes text)
{
	ast_cli(*(const int *) ctx, "%.*s", (int) text.len, (const char *) text.ptr);
}

static char *cli_text(struct ast_cli_args *a, uint32_t topic)
{
	int32_t status;

	if (a->argc != 3) {
		return CLI_SHOWUSAGE;
	}
	usermon_enter();
	status = usermon.api->status_text(usermon.handle, topic, cli_write, (void *) &a->fd);
	usermon_leave();
	if (status < 0) {
		ast_cli(a->fd, "usermon does not answer (%d): %s\n", status, status_words(status));
		return CLI_FAILURE;
	}
	return CLI_SUCCESS;
}

static char *cli_status(struct ast_cli_entry *e, int cmd, struct ast_cli_args *a)
{
	if (cmd == CLI_INIT) {
		e->command = "usermon show status";
		e->usage = "Usage: usermon show status\n       Counters, alarms and what is kept on disk.\n";
		return NULL;
	}
	return cmd == CLI_GENERATE ? NULL : cli_text(a, 1);
}

static char *cli_users(struct ast_cli_entry *e, int cmd, struct ast_cli_args *a)
{
	if (cmd == CLI_INIT) {
		e->command = "usermon show users";
		e->usage = "Usage: usermon show users\n       Each user with sticker, calls and contacts.\n";
		return NULL;
	}
	return cmd == CLI_GENERATE ? NULL : cli_text(a, 2);
}

static char *cli_reload(struct ast_cli_entry *e, int cmd, struct ast_cli_args *a)
{
	int failed;

	if (cmd == CLI_INIT) {
		e->command = "usermon reload";
		e->usage = "Usage: usermon reload\n       Reads usermon.toml and the directory files again.\n";
		return NULL;
	}
	if (cmd == CLI_GENERATE) {
		return NULL;
	}
	if (a->argc != 2) {
		return CLI_SHOWUSAGE;
	}
	usermon_enter();
	failed = reload_module();
	usermon_leave();
	ast_cli(a->fd, failed ? "Nothing changed: see the log.\n" : "Reloaded.\n");
	return failed ? CLI_FAILURE : CLI_SUCCESS;
}

static struct ast_cli_entry cli[] = {
	AST_CLI_DEFINE(cli_status, "Show usermon's counters and alarms"),
	AST_CLI_DEFINE(cli_users, "Show usermon's users"),
	AST_CLI_DEFINE(cli_reload, "Read usermon's configuration again"),
};

/* ast_cli_unregister leaves a command that is running in its list, for good. */
static void cli_stop(void)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(cli); i++) {
		while (ast_atomic_fetchadd_int(&cli[i].inuse, 0) > 0) {
			usleep(10000);
		}
		ast_cli_unregister(&cli[i]);
	}
}

/* When one command is refused Asterisk keeps the others; unregistering one that is not there does nothing. */
static int cli_start(void)
{
	if (ast_cli_register_multiple(cli, ARRAY_LEN(cli))) {
		cli_stop();
		return -1;
	}
	return 0;
}

static const struct {
	const char *name;
	int (*start)(void);
	void (*stop)(void);
} parts[] = {
	{ "the core", core_start, core_stop },
	{ "the tap", usermon_tap_start, usermon_tap_stop },
	{ "registrations", usermon_registrations_start, usermon_registrations_stop },
	{ "calls", usermon_calls_start, usermon_calls_stop },
	{ "the pages", usermon_web_start, usermon_web_stop },
	{ "the commands", cli_start, cli_stop },
};

static void stop(size_t running)
{
	while (running > 0) {
		parts[--running].stop();
	}
}

static int load_module(void)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i].start()) {
			ast_log(LOG_ERROR, "usermon is not loaded: %s did not start\n", parts[i].name);
			stop(i);
			return AST_MODULE_LOAD_DECLINE;
		}
	}
	return AST_MODULE_LOAD_SUCCESS;
}

static int unload_module(void)
{
	stop(ARRAY_LEN(parts));
	return 0;
}

AST_MODULE_INFO(ASTERISK_GPL_KEY, AST_MODFLAG_LOAD_ORDER, "User Monitoring",
	.support_level = AST_MODULE_SUPPORT_EXTENDED,
	.load = load_module,
	.unload = unload_module,
	.reload = reload_module,
	.load_pri = AST_MODPRI_APP_DEPEND,
	.requires = "res_pjsip",
);
