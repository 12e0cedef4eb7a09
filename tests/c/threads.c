/* SPDX-License-Identifier: MIT */
/* Not a wrong host: while a module is open every thread that is not the host's is called usermon-..., signals stay as
 * they were, and after close none of its threads is left. */
#include "host.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

/* Threads but this one, and how many of them are not called usermon-... */
static int others(int *strange)
{
    int count = 0;
    *strange = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300], name[32] = "";
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL || fgets(name, sizeof name, file) == NULL)
            name[0] = '\0'; /* it has just ended */
        if (file != NULL)
            fclose(file);
        if (name[0] == '\0')
            continue;
        count++;
        *strange += strncmp(name, "usermon-", 8) != 0;
    }
    closedir(tasks);
    return count;
}

/* Waits until there are `least` to `most` threads, all of them called usermon-...: a thread takes its name some time after it was
 * made. */
static void expect_threads(int line, int least, int most)
{
    int strange = 0, count = 0;
    for (int tries = 0; tries < 5000; tries++) {
        count = others(&strange);
        if (strange == 0 && count >= least && count <= most)
            return;
        usleep(1000);
    }
    printf("line %d: %d threads, expected %d to %d; %d not called usermon-\n", line, count, least, most, strange);
    faults++;
}
#define EXPECT_THREADS(least, most) expect_threads(__LINE__, least, most)

int main(int argc, char **argv)
{
    begin(argc, argv);
    struct sigaction before[65], after;
    memset(before, 0, sizeof before);
    memset(&after, 0, sizeof after);
    for (int number = 1; number < 65; number++)
        sigaction(number, NULL, &before[number]);
    for (int round = 0; round < 3; round++) {
        usermon_handle handle = open_one(0);
        for (int which = 0; which < CALLS; which++)
            EXPECT(any_call(which, handle), USERMON_OK);
        EXPECT_THREADS(3, 16);
        EXPECT(api->close(handle), USERMON_OK);
        EXPECT_THREADS(0, 0);
    }
    for (int number = 1; number < 65; number++) {
        if (sigaction(number, NULL, &after) == 0 && after.sa_handler != before[number].sa_handler) {
            printf("the handler of signal %d was changed\n", number);
            faults++;
        }
    }
    return end();
}
