/* SPDX-License-Identifier: MIT */
/* Not a wrong host: one that opens and closes the module again and again, as a PBX whose administrator reloads it, on a
 * thread with as little stack as a PBX gives its own. Nothing may grow: threads, descriptors, memory. A third argument is
 * the number of rounds. */
#include "host.h"

#include <dirent.h>
#include <malloc.h>

static int rounds = 6;

/* Entries of a folder of /proc/self. */
static int entries(const char *of)
{
    int count = 0;
    DIR *directory = opendir(of);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void round_trip(int round)
{
    usermon_handle handle = open_one(round % 2);
    for (int which = 0; which < CALLS; which++)
        EXPECT(any_call(which, handle), USERMON_OK);
    EXPECT(api->close(handle), USERMON_OK);
    usermon_host host = host_table();
    EXPECT(api->open(&host, text("/nowhere/usermon.toml"), &handle) < 0, 1);
}

static void *cycle(void *arg)
{
    (void) arg;
    int descriptors = 0, threads = 0;
    size_t memory = 0;
    for (int round = 0; round < rounds; round++) {
        round_trip(round);
        struct mallinfo2 now = mallinfo2();
        if (round == 2) { /* what is made once is made */
            descriptors = entries("/proc/self/fd");
            threads = entries("/proc/self/task");
            memory = now.uordblks + now.hblkhd;
        }
        if (round % 50 == 49)
            printf("round %d: %d descriptors, %d threads, %zu bytes\n", round, entries("/proc/self/fd"),
                   entries("/proc/self/task"), now.uordblks + now.hblkhd);
    }
    struct mallinfo2 now = mallinfo2();
    EXPECT(entries("/proc/self/fd"), descriptors);
    EXPECT(entries("/proc/self/task"), threads);
    size_t last = now.uordblks + now.hblkhd;
    if (last > memory + 256 * 1024) {
        printf("%zu bytes of memory after round 3, %zu at the end\n", memory, last);
        faults++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc == 4)
        rounds = atoi(argv[3]);
    begin(argc < 3 ? argc : 3, argv);
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 496 * 1024);
    pthread_create(&thread, &small, cycle, NULL);
    pthread_join(thread, NULL);
    return end();
}
