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
    handle = open_one(0);
    EXPECT(api->close(handle), USERMON_OK);
    return end();
}
