/* SPDX-License-Identifier: MIT */
/* Many threads go on calling while the module is closed and opened again: each call is done or refused, none crashes,
 * and no callback comes after close. */
#include "host.h"

#define THREADS 8
static usermon_handle current;
static int stop;
static int open_now;
static long done, refused;

static void log_while_open(void *ctx, uint32_t level, usermon_bytes line)
{
    if (!__atomic_load_n(&open_now, __ATOMIC_SEQ_CST)) {
        printf("a callback while nothing is open\n");
        __atomic_fetch_add(&faults, 1, __ATOMIC_SEQ_CST);
    }
    (void) ctx;
    (void) level;
    (void) line;
}

static void *caller(void *arg)
{
    int which = (int) (intptr_t) arg;
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        which = (which + 1) % CALLS;
        if (which == 7)
            continue; /* reload reads files; a few of the others are enough */
        int32_t status = any_call(which, __atomic_load_n(&current, __ATOMIC_SEQ_CST));
        if (status == USERMON_OK || status == USERMON_DROPPED)
            __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
        else if (status == USERMON_ERR_HANDLE)
            __atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
        else {
            printf("%s: status %d\n", call_names[which], status);
            __atomic_fetch_add(&faults, 1, __ATOMIC_SEQ_CST);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, caller, (void *) (intptr_t) i);
    usermon_host host = host_table();
    host.log = log_while_open;
    for (int round = 0; round < 10; round++) {
        usermon_handle handle = 0;
        open_now = 1;
        EXPECT(api->open(&host, config(0), &handle), USERMON_OK);
        long before = __atomic_load_n(&done, __ATOMIC_SEQ_CST);
        __atomic_store_n(&current, handle, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < before + 100)
            sched_yield();
        EXPECT(api->close(handle), USERMON_OK);
        __atomic_store_n(&open_now, 0, __ATOMIC_SEQ_CST);
        long refusals = __atomic_load_n(&refused, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&refused, __ATOMIC_SEQ_CST) < refusals + 10)
            sched_yield();
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%ld calls done, %ld refused\n", done, refused);
    return end();
}
