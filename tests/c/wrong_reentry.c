/* SPDX-License-Identifier: MIT */
/* A host that calls back from its own callbacks: telling works, the rest is refused, nothing waits for itself. */
#include "host.h"

static usermon_host host;
static usermon_handle handle;
static int deep, deepest, armed, again;
static int32_t got_open, got_close, got[CALLS];

static void call_back(void)
{
    usermon_handle other = 0;
    if (++deep > deepest)
        deepest = deep;
    got_open = api->open(&host, text(""), &other);
    got_close = api->close(handle);
    for (int which = 0; which < CALLS; which++)
        got[which] = any_call(which, handle);
    deep--;
}

static void log_back(void *ctx, uint32_t level, usermon_bytes line)
{
    keep(ctx, level, line);
    if (armed) {
        armed = again;
        call_back();
    }
}

static void reply_back(void *ctx, uint32_t status, usermon_bytes headers, usermon_bytes body)
{
    reply(ctx, status, headers, body);
    call_back();
}

static void write_back(void *ctx, usermon_bytes piece)
{
    count_bytes(ctx, piece);
    call_back();
}

static void expect_refused(void)
{
    EXPECT(got_open, USERMON_ERR_REENTRY);
    EXPECT(got_close, USERMON_ERR_REENTRY);
    for (int which = 0; which < CALLS; which++)
        EXPECT(got[which], which <= 5 ? USERMON_OK : USERMON_ERR_REENTRY);
    got_open = got_close = 0;
    memset(got, 0, sizeof got);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    host = host_table();
    host.log = log_back;
    EXPECT(api->open(&host, config(0), &handle), USERMON_OK);

    usermon_call wrong = a_call();
    wrong.phase = 99;
    armed = 1;
    EXPECT(api->on_call(handle, &wrong), USERMON_ERR_ARGUMENT);
    expect_refused();
    EXPECT_TOLD("open is refused with -201", 1);
    EXPECT_TOLD("close is refused with -201", 1);
    EXPECT_TOLD("http is refused with -201", 1);

    usermon_http_request request = a_request();
    EXPECT(api->http(handle, &request, reply_back, NULL), USERMON_OK);
    expect_refused();
    EXPECT(api->status_text(handle, 1, write_back, NULL), USERMON_OK);
    expect_refused();

    /* each line causes another: it must end by itself, and not by growing the stack */
    armed = again = 1;
    wrong.direction = 99;
    usermon_user user = a_user();
    user.presence = 99;
    EXPECT(api->on_user(handle, &user), USERMON_ERR_ARGUMENT);
    EXPECT(deepest, 1);
    armed = again = 0;

    EXPECT(any_call(6, handle), USERMON_OK); /* the refusals poisoned nothing */
    EXPECT(api->close(handle), USERMON_OK);

    /* from the lines of open itself */
    armed = 1;
    handle = 0;
    EXPECT(api->open(&host, config(1), &handle), USERMON_OK);
    EXPECT(got_open, USERMON_ERR_REENTRY);
    EXPECT(got_close, USERMON_ERR_REENTRY);
    EXPECT(got[3], USERMON_ERR_HANDLE); /* there was none yet */
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
