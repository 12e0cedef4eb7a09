/* SPDX-License-Identifier: MIT */
/*
 * usermon: the boundary between a SIP PBX (the host) and the User Monitoring module.
 * Generated from src/abi by tests/header.rs; do not edit.
 *
 *  1. One exported symbol, usermon_entry(): a static table of functions. Every struct begins with its size; new
 *     members come only at the end, with the version that added them; a reader takes the smaller of both sizes.
 *  2. open(host_table, config_path, &handle). The host's table offers log and, optionally, answers to questions. Open
 *     and close repeat, in any order, twice too; several modules may be open at once.
 *  3. Each function has a thread tag in its comment. Everything but open and close: any thread, at once.
 *  4. Bytes are pointer and length, never assumed UTF-8 or NUL-ended; null with 0 is empty. What the host passes is
 *     copied before the call returns. No allocation crosses.
 *  5. The status is an int32_t: 0 done, above 0 done with a remark, below 0 refused or failed, in blocks of 100;
 *     numbers are never reused.
 *  6. One guard for every entry. A panic is logged once through the host with its place, poisons the part where it
 *     happened (USERMON_ERR_POISONED from then on) and never leaves the library. What a host does wrong is answered
 *     by a status and logged once.
 *  7. on_packet never blocks, never does I/O, never logs. It may drop; drops are counted and shown.
 *  8. http(request, reply, ctx) serves one request without a socket, so that the PBX's own web server serves the
 *     pages; the PBX may pass the role and company of its own logged-in administrator.
 *  9. Linked with -z nodelete: dlclose leaves the library mapped. No signal handlers, no fork, no exit, no
 *     environment, no standard output: the process is the host's.
 */

#ifndef USERMON_H
#define USERMON_H

#include <stddef.h>
#include <stdint.h>

/** Version of this contract: major * 1000 + minor. A host of another major is refused. */
#define USERMON_ABI_VERSION 1000

/** 0: done. */
#define USERMON_OK 0

/** The packet was dropped: the ring was full. It is counted and shown. */
#define USERMON_DROPPED 1

/** A pointer that must not be null is null, or a length without a pointer. */
#define USERMON_ERR_NULL (-100)

/** A struct's `size` is smaller than the first version of that struct. */
#define USERMON_ERR_SIZE (-101)

/** The host's major version is not this module's. */
#define USERMON_ERR_VERSION (-102)

/** A number or text is out of its domain. */
#define USERMON_ERR_ARGUMENT (-103)

/** The handle is not open: never was, or was closed. */
#define USERMON_ERR_HANDLE (-200)

/** Not from a callback of this module: only `on_...` may be called there, the rest could wait for itself. */
#define USERMON_ERR_REENTRY (-201)

/** Too many modules are open in this process. */
#define USERMON_ERR_TOO_MANY (-202)

/** Calls were still under way when the deadline ran out; the module is closed all the same and freed when they end. */
#define USERMON_ERR_DEADLINE (-203)

/** The configuration is wrong; the log says file, line, key and what to write. */
#define USERMON_ERR_CONFIG (-300)

/** The operating system refused something; the log says what. */
#define USERMON_ERR_IO (-301)

/** Another process, or another module of this one, uses the data folder. */
#define USERMON_ERR_BUSY (-302)

/** Stored data can't be read by this version; the log says which and what to do. */
#define USERMON_ERR_STORED (-303)

/**
 * A panic was caught; the log says where. The part that panicked (events, packets, pages, reload or texts) takes no
 * more calls.
 */
#define USERMON_ERR_PANIC (-400)

/** The part that this call needs panicked before; close and open again. */
#define USERMON_ERR_POISONED (-401)

/**
 * Bytes that belong to the side that passes them, valid until the call returns. Never NUL-ended, of any encoding.
 * A null pointer with length 0 is the empty value.
 */
typedef struct usermon_bytes {
  /** First byte, or null. */
  const uint8_t *ptr;
  /** Number of bytes. */
  size_t len;
} usermon_bytes;

/**
 * What the host offers. Copied by `open`; the functions must stay callable until `close` has returned, and none is
 * called after that. A function may tell (`on_...`) from within; everything else answers `USERMON_ERR_REENTRY` there.
 * `size`, `abi_version`, `ctx`, `name` and `log` keep their places in every major version, so that a host of another
 * one can be told.
 */
typedef struct usermon_host {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** `USERMON_ABI_VERSION` as the host was compiled. */
  uint32_t abi_version;
  /** Handed back to each function below. */
  void *ctx;
  /** Name and version of the PBX; copied. */
  struct usermon_bytes name;
  /**
   * [any thread] One line for the PBX's log. level 1: debug, 2: notice, 3: warning, 4: error. No line end, no
   * control characters, at most 1000 bytes. May be null.
   */
  void (*log)(void *ctx, uint32_t level, struct usermon_bytes line);
  /** [any thread] Round trip to a contact in microseconds; 0 or less: not known. May be null. */
  int64_t (*round_trip)(void *ctx, struct usermon_bytes endpoint, struct usermon_bytes contact);
} usermon_host;

/** A handle to an open module; never 0. A handle that was closed stays invalid for ever. */
typedef uint64_t usermon_handle;

/** A company's user as the PBX's own configuration has it. */
typedef struct usermon_user {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** 1: here (added or changed), 2: gone. When gone, only company and user are read. */
  uint32_t presence;
  /**
   * Id of the company; empty: the only one whose files name this user, else the default one. Of a user that is
   * gone, empty: the only company that has it.
   */
  struct usermon_bytes company;
  /** The PBX's id of the user; an endpoint of the same name is the user's own. */
  struct usermon_bytes user;
  /** Extension. */
  struct usermon_bytes extension;
  /** Name. */
  struct usermon_bytes name;
  /** Surname. */
  struct usermon_bytes surname;
  /** Department. */
  struct usermon_bytes department;
  /** Mobile number; empty: none. */
  struct usermon_bytes mobile;
} usermon_user;

/** A terminal of a user. */
typedef struct usermon_terminal {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** 1: here (added or changed), 2: gone. */
  uint32_t presence;
  /** 0: not told, 1: gui, 2: mobile, 3: usb, 4: sip, 5: dect. */
  uint32_t kind;
  /** For terminals without SIP: 0 not told, 1 active now, 2 not active. */
  uint32_t active;
  /** Id of the company; empty: the default company. */
  struct usermon_bytes company;
  /** The PBX's id of the user. */
  struct usermon_bytes user;
  /** The PBX's id of the terminal within the user. */
  struct usermon_bytes terminal;
  /** The endpoint it authenticates as; empty: none. */
  struct usermon_bytes endpoint;
  /** Free text for people. */
  struct usermon_bytes description;
} usermon_terminal;

/** An IP address and port. All zero, or another family: not known. */
typedef struct usermon_addr {
  /** The address in network order; an IPv4 address in the first four bytes, the rest zero. */
  uint8_t ip[16];
  /** The port in host order. */
  uint16_t port;
  /** 0: not known, 4: IPv4, 6: IPv6. */
  uint8_t family;
  /** Zero. */
  uint8_t reserved;
} usermon_addr;

/** What happened to one contact of one endpoint. */
typedef struct usermon_registration {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** 1: registered or refreshed, 2: unregistered or replaced, 3: expired, 4: failed, 5: reachable, 6: unreachable. */
  uint32_t step;
  /**
   * Of a failure: 1 wrong password, 2 unknown user, 3 forbidden by an access list, 4 TLS, 5 refused, 6 or another
   * number: other.
   */
  uint32_t cause;
  /** 1: UDP, 2: TCP, 3: TLS, 4: WS, 5: WSS; 0 or another number: unknown. */
  uint32_t transport;
  /** When, microseconds since the Unix epoch; 0: now. */
  int64_t time;
  /** When it expires, microseconds since the Unix epoch; 0: not told. */
  int64_t expires;
  /** Round trip in microseconds; 0: not measured. */
  uint32_t round_trip;
  /** Zero. */
  uint32_t reserved;
  /** Where it came from. */
  struct usermon_addr far;
  /** Id of the company; empty: resolved by the endpoint. */
  struct usermon_bytes company;
  /** The endpoint. */
  struct usermon_bytes endpoint;
  /** The Contact URI. */
  struct usermon_bytes contact;
  /** User-Agent. */
  struct usermon_bytes user_agent;
  /** Path (RFC 3327). */
  struct usermon_bytes path;
  /** Call-ID of the REGISTER. */
  struct usermon_bytes call_id;
  /** The PBX's own words about a failure. Must hold no secret. */
  struct usermon_bytes detail;
} usermon_registration;

/** Where one leg of a call stands. Repeating it is allowed. */
typedef struct usermon_call {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** 1: ringing phase, 2: up, 3: held, 4: ended. */
  uint32_t phase;
  /** 1: the user of this leg calls, 2: the user of this leg is called. */
  uint32_t direction;
  /** ITU-T Q.850 cause of the end; 0: none. */
  uint32_t cause;
  /** When, microseconds since the Unix epoch; 0: now. */
  int64_t time;
  /** Id of the company; empty: resolved by the endpoint. */
  struct usermon_bytes company;
  /** The endpoint; empty: a trunk or an inner leg. */
  struct usermon_bytes endpoint;
  /** The PBX's unique id of the leg. */
  struct usermon_bytes leg;
  /** What joins the legs of one call; may change while it lasts. */
  struct usermon_bytes linked;
  /** SIP Call-ID of the leg's dialog. */
  struct usermon_bytes call_id;
  /** The far party's number. */
  struct usermon_bytes far_number;
  /** The far party's name. */
  struct usermon_bytes far_name;
} usermon_call;

/** RTCP figures of one leg, so far. */
typedef struct usermon_quality {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** 0: media received by the PBX, 1: media sent by the PBX. */
  uint32_t direction;
  /** When, microseconds since the Unix epoch; 0: now. */
  int64_t time;
  /** Packets. */
  uint64_t packets;
  /** Packets lost. */
  uint64_t lost;
  /** Interarrival jitter, microseconds. */
  uint32_t jitter;
  /** Round trip, microseconds; 0: not known. */
  uint32_t round_trip;
  /** Id of the company; empty: resolved by the endpoint. */
  struct usermon_bytes company;
  /** The endpoint. */
  struct usermon_bytes endpoint;
  /** The PBX's unique id of the leg. */
  struct usermon_bytes leg;
  /** What joins the legs of one call. */
  struct usermon_bytes linked;
  /** SIP Call-ID of the leg's dialog. */
  struct usermon_bytes call_id;
} usermon_quality;

/** One SIP message, in or out, in clear. */
typedef struct usermon_packet {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** 0: received by the PBX, 1: sent by it. */
  uint32_t direction;
  /** 1: UDP, 2: TCP, 3: TLS, 4: WS, 5: WSS; 0 or another number: unknown. */
  uint32_t transport;
  /** Zero. */
  uint32_t reserved;
  /** When, microseconds since the Unix epoch; 0: now. */
  int64_t time;
  /** The PBX's address. */
  struct usermon_addr local;
  /** The far address. */
  struct usermon_addr far;
  /** Id of the company; empty: not told. */
  struct usermon_bytes company;
  /** The endpoint, where the PBX has identified it; empty: not told. */
  struct usermon_bytes endpoint;
  /** The message as on the wire. */
  struct usermon_bytes data;
} usermon_packet;

/** One HTTP request that the PBX's own web server received for the module's pages. */
typedef struct usermon_http_request {
  /** `sizeof` this struct as the host was compiled. */
  uint32_t size;
  /** 0: nobody is logged in at the PBX, the pages ask for a login; 1: an administrator of `company`; 2: a super-admin. */
  uint32_t role;
  /** 1: the connection is encrypted (the session cookie is then Secure). */
  uint32_t secure;
  /** Zero. */
  uint32_t reserved;
  /** Where the request came from. */
  struct usermon_addr far;
  /** Method, upper case. */
  struct usermon_bytes method;
  /** Path below the mount point, beginning with `/`, percent-encoded as received, with `?query` if any. */
  struct usermon_bytes target;
  /** Where the pages are mounted in the PBX's web server, without a slash at the end ("/usermon"); empty: the root. */
  struct usermon_bytes mount;
  /** Header lines, `Name: value` each ended by CR LF or LF. */
  struct usermon_bytes headers;
  /** Body. */
  struct usermon_bytes body;
  /** With a role of 1: the company, UTF-8, not empty. Otherwise empty. */
  struct usermon_bytes company;
  /** With a role: the PBX's name of the person, for the audit log; UTF-8, not empty. */
  struct usermon_bytes person;
} usermon_http_request;

/**
 * Takes the answer to one request: called exactly once, on the thread that called `http`, before that returns 0;
 * not called when `http` returns anything else. `headers` are `Name: value` lines, each ended by CR LF, without
 * Content-Length. The bytes belong to the module and are valid until the callback returns.
 */
typedef void (*usermon_http_reply)(void *ctx,
                                   uint32_t status,
                                   struct usermon_bytes headers,
                                   struct usermon_bytes body);

/**
 * Takes a piece of text: one or more whole lines; called any number of times before the call that was given it
 * returns. The bytes belong to the module and are valid until the callback returns.
 */
typedef void (*usermon_write)(void *ctx, struct usermon_bytes text);

/** The module's functions. Static; valid for the life of the process. */
typedef struct usermon_api {
  /** `sizeof` this struct as the module was compiled. */
  uint32_t size;
  /** `USERMON_ABI_VERSION` as the module was compiled. */
  uint32_t abi_version;
  /**
   * [main thread; not from a callback] Opens a module with the configuration file at `config_path`; an empty
   * path takes the defaults. Writes the handle, 0 when the status is not 0. Takes up to some seconds (recovery of
   * the journal).
   */
  int32_t (*open)(const struct usermon_host *host, struct usermon_bytes config_path, usermon_handle *handle);
  /**
   * [main thread; not from a callback] Stops the threads, writes what is in memory, frees everything. Calls that
   * begin meanwhile get `USERMON_ERR_HANDLE`; calls under way are waited for, at most about ten seconds in all.
   */
  int32_t (*close)(usermon_handle handle);
  /** [any thread] A user is here, changed, or gone. */
  int32_t (*on_user)(usermon_handle handle, const struct usermon_user *user);
  /** [any thread] A terminal is here, changed, or gone. */
  int32_t (*on_terminal)(usermon_handle handle, const struct usermon_terminal *terminal);
  /** [any thread] A contact was bound or removed, or an attempt failed. */
  int32_t (*on_registration)(usermon_handle handle, const struct usermon_registration *registration);
  /** [any thread] A leg of a call stands here now. */
  int32_t (*on_call)(usermon_handle handle, const struct usermon_call *call);
  /** [any thread] RTCP figures of a leg. */
  int32_t (*on_quality)(usermon_handle handle, const struct usermon_quality *quality);
  /**
   * [any thread] A SIP message came or went. Never blocks, does no I/O, never logs; may drop, drops are counted
   * and shown.
   */
  int32_t (*on_packet)(usermon_handle handle, const struct usermon_packet *packet);
  /**
   * [any thread that may wait, never one that carries calls; not from a callback] Serves one request; the reply
   * is made before return. `ctx` is handed to `reply`.
   */
  int32_t (*http)(usermon_handle handle,
                  const struct usermon_http_request *request,
                  usermon_http_reply reply,
                  void *ctx);
  /**
   * [any thread that may wait; not from a callback] Reads the configuration and directory files again. On an
   * error everything stays as it was, and the log says what is wrong.
   */
  int32_t (*reload)(usermon_handle handle);
  /**
   * [any thread that may wait; not from a callback] Writes a text for the PBX's command line. topic 1: status,
   * 2: users. `ctx` is handed to `write`.
   */
  int32_t (*status_text)(usermon_handle handle, uint32_t topic, usermon_write write, void *ctx);
} usermon_api;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/** The module's functions: a static table, valid for the life of the process. */
const struct usermon_api *usermon_entry(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* USERMON_H */
