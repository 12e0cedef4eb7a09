/* SPDX-License-Identifier: MIT */
/* What every wrong host has: the library, configurations of its own, a log that is kept, and checks that say what
 * they expected. main is `begin`, faults, `return end();`. Arguments: the library, an empty folder. */
#ifndef HOST_H
#define HOST_H

#include "usermon.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const usermon_api *api;
static const char *folder;
static char logged[1 << 18];
static size_t logged_length;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int faults;

static inline usermon_bytes text(const char *words)
{
    usermon_bytes bytes = {(const uint8_t *) words, strlen(words)};
    return bytes;
}

/* The host's log: keeps the lines, and looks whether they are what the header promises. */
static void keep(void *ctx, uint32_t level, usermon_bytes line)
{
    (void) ctx;
    pthread_mutex_lock(&log_lock);
    if (level < 1 || level > 4 || line.len > 1000) {
        printf("a line of level %u and %zu bytes\n", level, line.len);
        faults++;
    }
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] < ' ' || line.ptr[i] == 0x7f) {
            printf("a control character in a line\n");
            faults++;
        }
    }
    if (logged_length + line.len + 2 < sizeof logged) {
        memcpy(logged + logged_length, line.ptr, line.len);
        logged_length += line.len;
        logged[logged_length++] = '\n';
    }
    pthread_mutex_unlock(&log_lock);
}

static inline usermon_host host_table(void)
{
    usermon_host host;
    memset(&host, 0, sizeof host);
    host.size = sizeof host;
    host.abi_version = USERMON_ABI_VERSION;
    host.name = text("wrong host 1.0");
    host.log = keep;
    return host;
}

/* A configuration with a data folder of its own for each number. The text stays until the next call. */
static inline usermon_bytes config(int number)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%d.toml", folder, number);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    fprintf(file, "data_dir = \"%s/data%d\"\n", folder, number);
    fclose(file);
    return text(path);
}

static inline void expect_status(int line, const char *call, int32_t got, int32_t wanted)
{
    if (got != wanted) {
        printf("line %d: %s: status %d, expected %d\n", line, call, got, wanted);
        faults++;
    }
}
#define EXPECT(call, wanted) expect_status(__LINE__, #call, (call), (wanted))

/* How many lines have `words` in them. */
static inline int told(const char *words)
{
    int times = 0;
    pthread_mutex_lock(&log_lock);
    logged[logged_length] = '\0';
    for (const char *at = logged; (at = strstr(at, words)) != NULL; at++)
        times++;
    pthread_mutex_unlock(&log_lock);
    return times;
}

static inline void expect_told(int line, const char *words, int wanted)
{
    int times = told(words);
    if (times != wanted) {
        printf("line %d: \"%s\" told %d times, expected %d\n", line, words, times, wanted);
        faults++;
    }
}
#define EXPECT_TOLD(words, wanted) expect_told(__LINE__, words, wanted)

static inline usermon_handle open_one(int number)
{
    usermon_host host = host_table();
    usermon_handle handle = 0;
    EXPECT(api->open(&host, config(number), &handle), USERMON_OK);
    return handle;
}

/* One good struct of each kind, to be spoilt. */
static inline usermon_user a_user(void)
{
    usermon_user user;
    memset(&user, 0, sizeof user);
    user.size = sizeof user;
    user.presence = 1;
    user.user = user.extension = text("101");
    user.name = text("Anna");
    return user;
}

static inline usermon_terminal a_terminal(void)
{
    usermon_terminal terminal;
    memset(&terminal, 0, sizeof terminal);
    terminal.size = sizeof terminal;
    terminal.presence = 1;
    terminal.kind = 4;
    terminal.user = terminal.endpoint = text("101");
    terminal.terminal = text("desk");
    return terminal;
}

static inline usermon_registration a_registration(void)
{
    usermon_registration registration;
    memset(&registration, 0, sizeof registration);
    registration.size = sizeof registration;
    registration.step = 1;
    registration.endpoint = text("101");
    registration.contact = text("sip:101@192.0.2.1:5060");
    return registration;
}

static inline usermon_call a_call(void)
{
    usermon_call call;
    memset(&call, 0, sizeof call);
    call.size = sizeof call;
    call.phase = call.direction = 1;
    call.endpoint = text("101");
    call.leg = text("leg-1");
    return call;
}

static inline usermon_quality a_quality(void)
{
    usermon_quality quality;
    memset(&quality, 0, sizeof quality);
    quality.size = sizeof quality;
    quality.endpoint = text("101");
    quality.leg = text("leg-1");
    return quality;
}

static inline usermon_packet a_packet(void)
{
    usermon_packet packet;
    memset(&packet, 0, sizeof packet);
    packet.size = sizeof packet;
    packet.transport = 1;
    packet.endpoint = text("101");
    packet.data = text("OPTIONS sip:101@192.0.2.1 SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n\r\n");
    return packet;
}

static inline usermon_http_request a_request(void)
{
    usermon_http_request request;
    memset(&request, 0, sizeof request);
    request.size = sizeof request;
    request.method = text("GET");
    request.target = text("/login");
    return request;
}

static int replies;
static uint32_t reply_status;
static inline void reply(void *ctx, uint32_t status, usermon_bytes headers, usermon_bytes body)
{
    (void) ctx;
    (void) headers;
    (void) body;
    __atomic_fetch_add(&replies, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&reply_status, status, __ATOMIC_SEQ_CST);
}

static size_t written;
static inline void count_bytes(void *ctx, usermon_bytes piece)
{
    (void) ctx;
    __atomic_fetch_add(&written, piece.len, __ATOMIC_SEQ_CST);
}

/* Every call but open and close, with good arguments. */
#define CALLS 9
static inline int32_t any_call(int which, usermon_handle handle)
{
    usermon_user user = a_user();
    usermon_terminal terminal = a_terminal();
    usermon_registration registration = a_registration();
    usermon_call call = a_call();
    usermon_quality quality = a_quality();
    usermon_packet packet = a_packet();
    usermon_http_request request = a_request();
    switch (which) {
    case 0: return api->on_user(handle, &user);
    case 1: return api->on_terminal(handle, &terminal);
    case 2: return api->on_registration(handle, &registration);
    case 3: return api->on_call(handle, &call);
    case 4: return api->on_quality(handle, &quality);
    case 5: return api->on_packet(handle, &packet);
    case 6: return api->http(handle, &request, reply, NULL);
    case 7: return api->reload(handle);
    default: return api->status_text(handle, 1, count_bytes, NULL);
    }
}
static const char *const call_names[CALLS] = {"on_user",   "on_terminal", "on_registration", "on_call",    "on_quality",
                                              "on_packet", "http",        "reload",          "status_text"};

static inline void begin(int argc, char **argv)
{
    alarm(120); /* one that hangs fails */
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *symbol = library == NULL ? NULL : dlsym(library, "usermon_entry");
    const usermon_api *(*entry)(void) = NULL;
    memcpy(&entry, &symbol, sizeof entry);
    if (entry == NULL) {
        fprintf(stderr, "use: %s LIBRARY FOLDER: %s\n", argv[0], argc == 3 ? dlerror() : "two arguments");
        exit(2);
    }
    api = entry();
    folder = argv[2];
}

static inline int end(void)
{
    if (faults > 0) {
        logged[logged_length] = '\0';
        printf("%d faults; the log:\n%s", faults, logged);
    }
    return faults > 0;
}

#endif
