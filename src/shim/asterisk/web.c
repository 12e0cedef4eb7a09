/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pages, under /usermon of Asterisk's own web server. A request is put together again as it came, handed to the
 * core, and the answer sent; nothing is decided here. Runs on the web server's threads.
 */

#include "asterisk.h"

#include <sys/mman.h>

#include "asterisk/config.h"
#include "asterisk/http.h"
#include "asterisk/iostream.h"
#include "asterisk/strings.h"
#include "asterisk/tcptls.h"
#include "asterisk/utils.h"

#include "shim.h"

/* As much as Asterisk's own web server takes. */
#define BODY_MAX 40960

struct answer {
	struct ast_tcptls_session_instance *session;
	enum ast_http_method method;
};

static const char *title(uint32_t status)
{
	switch (status) {
	case 200:
		return "OK";
	case 204:
		return "No Content";
	case 302:
		return "Found";
	case 303:
		return "See Other";
	case 304:
		return "Not Modified";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 429:
		return "Too Many Requests";
	case 503:
		return "Service Unavailable";
	default:
		return status < 400 ? "OK" : "Error";
	}
}

/* Asterisk sends a text as a C string: a body with a zero byte in it has to go through a file. */
static int body_file(usermon_bytes body)
{
	int fd = memfd_create("usermon", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t count;

	while (fd > 0 && done < body.len) {
		count = write(fd, body.ptr + done, body.len - done);
		if (count <= 0) {
			close(fd);
			return -1;
		}
		done += count;
	}
	return fd;
}

static void reply(void *ctx, uint32_t status, usermon_bytes headers, usermon_bytes body)
{
	struct answer *answer = ctx;
	struct ast_str *head = ast_str_create(headers.len + 1);
	struct ast_str *text = NULL;
	int fd = 0;
	int cached;

	if (body.len && memchr(body.ptr, 0, body.len)) {
		fd = body_file(body);
	} else if (body.len) {
		text = ast_str_create(body.len + 1);
	}
	if (!head || fd < 0 || (body.len && !fd && !text)) {
		ast_free(head);
		ast_free(text);
		ast_http_error(answer->session, 503, title(503), "Out of memory");
		return;
	}
	ast_str_set_substr(&head, 0, (const char *) headers.ptr, headers.len);
	if (text) {
		ast_str_set_substr(&text, 0, (const char *) body.ptr, body.len);
	}
	/* With static content Asterisk adds no Cache-Control of its own beside ours. */
	cached = strcasestr(ast_str_buffer(head), "cache-control:") != NULL;
	ast_http_send(answer->session, answer->method, status, title(status), head, text, fd, cached);
	if (fd > 0) {
		close(fd);
	}
}

/* Asterisk has taken the query apart and decoded it. */
static void add_query(struct ast_str **target, const struct ast_variable *parameters)
{
	const struct ast_variable *p;
	size_t longest = 0;
	char *encoded;

	for (p = parameters; p; p = p->next) {
		longest = MAX(longest, MAX(strlen(p->name), strlen(p->value)));
	}
	encoded = ast_malloc(longest * 3 + 1);
	for (p = parameters; encoded && p; p = p->next) {
		ast_uri_encode(p->name, encoded, longest * 3 + 1, ast_uri_http);
		ast_str_append(target, 0, "%s%s=", p == parameters ? "?" : "&", encoded);
		ast_uri_encode(p->value, encoded, longest * 3 + 1, ast_uri_http);
		ast_str_append(target, 0, "%s", encoded);
	}
	ast_free(encoded);
}

/* Returns the body's length, or an HTTP status below zero. */
static ssize_t read_body(struct ast_tcptls_session_instance *session, const struct ast_variable *headers, char **body)
{
	const struct ast_variable *h;
	size_t length = 0;
	size_t done = 0;
	ssize_t count;

	for (h = headers; h; h = h->next) {
		if (!strcasecmp(h->name, "Transfer-Encoding")) {
			return -411;
		}
		if (!strcasecmp(h->name, "Content-Length") && sscanf(h->value, "%30zu", &length) != 1) {
			return -400;
		}
	}
	if (!length) {
		return 0;
	}
	if (length > BODY_MAX) {
		return -413;
	}
	*body = ast_malloc(length);
	while (*body && done < length) {
		count = ast_iostream_read(session->stream, *body + done, length - done);
		if (count <= 0) {
			break;
		}
		done += count;
	}
	ast_http_body_read_status(session, done == length);
	return done == length ? (ssize_t) length : -400;
}

static int serve(struct ast_tcptls_session_instance *session, const struct ast_http_uri *handler, const char *uri,
	enum ast_http_method method, struct ast_variable *parameters, struct ast_variable *headers)
{
	struct answer answer = { session, method };
	usermon_http_request request = { .size = sizeof(request) };
	struct ast_str *target = ast_str_create(256);
	struct ast_str *head = ast_str_create(1024);
	const struct ast_variable *h;
	char *body = NULL;
	char mount[128] = "";
	ssize_t length;
	int32_t status = -1;

	usermon_enter();
	length = read_body(session, headers, &body);
	if (length < 0) {
		ast_http_request_close_on_completion(session);
		ast_http_error(session, (int) -length, title((uint32_t) -length), "The body of this request can't be taken");
		status = 0;
	} else if (target && head) {
		ast_str_set(&target, 0, "/%s", uri);
		add_query(&target, parameters);
		for (h = headers; h; h = h->next) {
			ast_str_append(&head, 0, "%s: %s\r\n", h->name, h->value);
		}
		ast_http_prefix(mount, sizeof(mount) - sizeof("/usermon"));
		strcat(mount, "/usermon"); /* Safe: its length was kept free. */
		request.secure = ast_iostream_get_ssl(session->stream) ? 1 : 0;
		usermon_address(&request.far, &session->remote_address);
		request.method = usermon_text(ast_get_http_method(method));
		request.target = usermon_span(ast_str_buffer(target), ast_str_strlen(target));
		request.mount = usermon_text(mount);
		request.headers = usermon_span(ast_str_buffer(head), ast_str_strlen(head));
		request.body = usermon_span(body, (size_t) length);
		status = usermon.api->http(usermon.handle, &request, reply, &answer);
	}
	/* Below zero, the core has not replied. */
	if (status < 0) {
		ast_http_error(session, 503, title(503), "User Monitoring does not answer; the log of the PBX says why");
	}
	ast_free(body);
	ast_free(target);
	ast_free(head);
	usermon_leave();
	return 0;
}

static struct ast_http_uri pages = {
	.description = "User Monitoring",
	.uri = "usermon",
	.callback = serve,
	.has_subtree = 1,
	.no_decode_uri = 1,
	.key = "usermon",
};

int usermon_web_start(void)
{
	return ast_http_uri_link(&pages);
}

void usermon_web_stop(void)
{
	ast_http_uri_unlink(&pages);
}
