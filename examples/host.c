/* SPDX-License-Identifier: MIT */
/* The smallest host: opens the module, has one phone register, shows it a packet, fetches a page.
 * cc -Iinclude examples/host.c -o host -ldl && ./host target/release/libusermon.so usermon.toml */
#include "usermon.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static usermon_bytes text(const char *s) { return (usermon_bytes) {(const uint8_t *) s, strlen(s)}; }

static void to_log(void *ctx, uint32_t level, usermon_bytes line)
{
    fprintf(ctx, "[%u] %.*s\n", level, (int) line.len, (const char *) line.ptr);
}

static void show(void *ctx, uint32_t status, usermon_bytes headers, usermon_bytes body)
{
    fprintf(ctx, "%u\n%.*s%zu bytes\n", status, (int) headers.len, (const char *) headers.ptr, body.len);
}

int main(int argc, char **argv)
{
    void *library = dlopen(argc > 1 ? argv[1] : "libusermon.so", RTLD_NOW);
    void *symbol = library ? dlsym(library, "usermon_entry") : NULL;
    if (symbol == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
    const usermon_api *(*entry)(void);
    memcpy(&entry, &symbol, sizeof entry); /* C has no cast from data to function */
    const usermon_api *api = entry();

    usermon_host host = {.size = sizeof host, .abi_version = USERMON_ABI_VERSION, .ctx = stderr,
                         .name = text("example host 1.0"), .log = to_log};
    usermon_handle handle;
    int32_t status = api->open(&host, text(argc > 2 ? argv[2] : ""), &handle);
    if (status != USERMON_OK) return fprintf(stderr, "open: %d\n", status), 1;

    usermon_user user = {.size = sizeof user, .presence = 1, .user = text("101"), .extension = text("101"),
                         .name = text("Anna"), .surname = text("Rossi")};
    api->on_user(handle, &user);
    usermon_registration phone = {.size = sizeof phone, .step = 1, .transport = 1, .endpoint = text("101"),
                                  .far = {.ip = {192, 0, 2, 7}, .port = 5060, .family = 4},
                                  .contact = text("sip:101@192.0.2.7:5060"), .user_agent = text("Phone 1.0")};
    api->on_registration(handle, &phone);
    usermon_packet packet = {.size = sizeof packet, .transport = 1, .far = phone.far, .endpoint = text("101"),
                             .data = text("REGISTER sip:pbx.example SIP/2.0\r\nCall-ID: 1@192.0.2.7\r\n"
                                          "From: <sip:101@pbx.example>;tag=1\r\nTo: <sip:101@pbx.example>\r\n"
                                          "CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n")};
    api->on_packet(handle, &packet);
    usermon_http_request page = {.size = sizeof page, .role = 2, .method = text("GET"), .target = text("/"),
                                 .mount = text("/usermon"), .person = text("example")};
    status = api->http(handle, &page, show, stdout);
    return api->close(handle) != USERMON_OK || status != USERMON_OK;
}
