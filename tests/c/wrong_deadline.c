/* SPDX-License-Identifier: MIT */
/* A call that does not come back: close gives up waiting, says so, and what the call uses is freed when it ends. */
#include "host.h"

#include <semaphore.h>

static sem_t inside, go_on;
static usermon_handle handle;

static void stuck(void *ctx, uint32_t status, usermon_bytes headers, usermon_bytes body)
{
    sem_post(&inside);
    sem_wait(&go_on);
    reply(ctx, status, headers, body);
}

static void *asker(void *arg)
{
    usermon_http_request request = a_request();
    (void) arg;
    EXPECT(api->http(handle, &request, stuck, NULL), USERMON_OK);
    return NULL;
}

static int armed, closed;

/* The first line leaves two more for after it; in the first of those the log does not come back. */
static void stuck_log(void *ctx, uint32_t level, usermon_bytes line)
{
    if (__atomic_load_n(&closed, __ATOMIC_SEQ_CST)) {
        printf("a callback after close\n");
        faults++;
    }
    keep(ctx, level, line);
    int step = armed;
    armed -= armed > 0;
    if (step == 2) {
        EXPECT(api->on_user(handle, NULL), USERMON_ERR_NULL);
        EXPECT(api->on_terminal(handle, NULL), USERMON_ERR_NULL);
    } else if (step == 1) {
        sem_post(&inside);
        sem_wait(&go_on);
    }
}

static void *wrong_caller(void *arg)
{
    (void) arg;
    EXPECT(api->on_call(handle, NULL), USERMON_ERR_NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    sem_init(&inside, 0, 0);
    sem_init(&go_on, 0, 0);
    handle = open_one(0);
    pthread_t thread;
    pthread_create(&thread, NULL, asker, NULL);
    sem_wait(&inside);
    EXPECT(api->close(handle), USERMON_ERR_DEADLINE);
    EXPECT_TOLD("calls are still under way", 1);
    EXPECT(api->close(handle), USERMON_ERR_HANDLE);
    EXPECT(any_call(5, handle), USERMON_ERR_HANDLE);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    EXPECT(replies, 1);

    usermon_host host = host_table();
    host.log = stuck_log;
    EXPECT(api->open(&host, config(0), &handle), USERMON_OK);
    armed = 2;
    pthread_create(&thread, NULL, wrong_caller, NULL);
    sem_wait(&inside);
    EXPECT(api->close(handle), USERMON_ERR_DEADLINE);
    __atomic_store_n(&closed, 1, __ATOMIC_SEQ_CST);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    EXPECT_TOLD("on_user is refused", 1);
    EXPECT_TOLD("on_terminal is refused", 0); /* not after close */

    handle = open_one(0);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
