//! Calls and how they ended, as phones and PBXs send them.

use super::Story;

pub(crate) const BUSY: &str = "0 > INVITE sip:102@pbx @1 | sdp: 0 8
    0.1 < 100 Trying @1 INVITE
    0.4 < 180 Ringing @1 INVITE
    * 2 < 486 Busy Here @1 INVITE | Reason: Q.850;cause=17
    2.1 > ACK sip:102@pbx @1
    2.1 # ended 17";
pub(crate) const CANCELLED: &str = "0 > INVITE sip:102@pbx @1 | sdp: 0 8
    0.1 < 100 Trying @1 INVITE
    1 < 180 Ringing @1 INVITE
    * 7 > CANCEL sip:102@pbx @1
    7 < 200 OK @1 CANCEL
    7 < 487 Request Terminated @1 INVITE | Reason: Q.850;cause=0
    7 > ACK sip:102@pbx @1";
pub(crate) const HUNG_UP: &str = "0 > INVITE sip:102@pbx @1 | sdp: 0 8
    0.1 < 100 Trying @1 INVITE
    1 < 180 Ringing @1 INVITE
    5 < 200 OK @1 INVITE | sdp: 0
    5.1 > ACK sip:102@192.0.2.1 @1
    * 65 > BYE sip:102@192.0.2.1 @2
    65 < 200 OK @2 BYE";

const CALL: &str = "call";

/// Where the user calls.
pub(crate) const OUT: &[Story] = &[
    (CALL, "ringing", "It rings at Anna Rossi (102).", "0 # running\n0 > INVITE sip:102@pbx @1 | sdp: 0\n0.1 < 180 Ringing @1 INVITE"),
    (
        CALL,
        "wrong-password",
        "Wrong password: the digest response does not match the one on the PBX.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         0 < 401 Unauthorized @1 INVITE | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
         0 > ACK sip:102@pbx @1
         0.1 > INVITE sip:102@pbx @2 | Authorization: Digest username=\"101\", nonce=\"n1\", uri=\"sip:102@pbx\" | sdp: 0
         * 0.1 < 401 Unauthorized @2 INVITE | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\"
         0.1 > ACK sip:102@pbx @2",
    ),
    (
        CALL,
        "unknown-user",
        "Unknown user: the PBX has no such account.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 403 Forbidden @1 INVITE\n0 # failed unknown-user\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "forbidden-by-acl",
        "Forbidden: an access list of the PBX refuses this address.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 403 Forbidden @1 INVITE\n0 # failed forbidden\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "tls-failed",
        "TLS failed: the secure connection was not set up.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0.1 # failed tls",
    ),
    (
        CALL,
        "challenge-unanswered",
        "The PBX asked for the password, and the phone did not send one.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         * 0 < 407 Proxy Authentication Required @1 INVITE | Proxy-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
         0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "no-response",
        "The PBX did not answer the phone: its INVITE was sent 4 times.",
        "* 0 > INVITE sip:102@pbx @1 | sdp: 0
         0.5 > INVITE sip:102@pbx @1 | sdp: 0
         1.5 > INVITE sip:102@pbx @1 | sdp: 0
         3.5 > INVITE sip:102@pbx @1 | sdp: 0",
    ),
    (CALL, "cancelled", "The user hung up after 7 s, before Anna Rossi (102) answered.", CANCELLED),
    (
        CALL,
        "no-answer",
        "Nobody answered at Anna Rossi (102) in 30 s.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         0.1 < 100 Trying @1 INVITE
         0.3 < 180 Ringing @1 INVITE
         * 30 < 603 Decline @1 INVITE | Reason: Q.850;cause=16
         30 > ACK sip:102@pbx @1
         30 # ended 16",
    ),
    (
        CALL,
        "no-answer",
        "Nobody answered at Anna Rossi (102) in 32 s.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n0.3 < 180 Ringing @1 INVITE\n* 32 < 408 Request Timeout @1 INVITE\n32 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "forwarded",
        "The PBX told the phone to call 103 instead.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 302 Moved Temporarily @1 INVITE | Contact: <sip:103@pbx>\n0 > ACK sip:102@pbx @1",
    ),
    (CALL, "busy", "Anna Rossi (102) was busy.", BUSY),
    (
        CALL,
        "busy",
        "Anna Rossi (102) was busy.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 600 Busy Everywhere @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "declined",
        "Anna Rossi (102) declined the call (403 Forbidden).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         0.3 < 180 Ringing @1 INVITE
         * 3 < 403 Forbidden @1 INVITE | Reason: Q.850;cause=21
         3 > ACK sip:102@pbx @1
         3 # ended 21",
    ),
    (
        CALL,
        "declined",
        "Anna Rossi (102) declined the call (603 Decline).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 3 < 603 Decline @1 INVITE\n3 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "rejected",
        "Anna Rossi (102), or a rule of the PBX, rejected the call (403 Forbidden).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         * 0.1 < 403 Forbidden @1 INVITE | Reason: Q.850;cause=21
         0.1 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "no-route",
        "The PBX found no way to 102: no terminal of theirs is registered, or no trunk takes it (404 Not Found).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         * 0.1 < 404 Not Found @1 INVITE | Reason: Q.850;cause=3
         0.1 > ACK sip:102@pbx @1
         0.1 # ended 3",
    ),
    (
        CALL,
        "not-registered",
        "Anna Rossi (102) is not registered: no terminal of theirs is connected.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         0.1 < 100 Trying @1 INVITE
         * 0.2 < 480 Temporarily Unavailable @1 INVITE | Reason: Q.850;cause=20
         0.2 > ACK sip:102@pbx @1
         0.2 # ended 20",
    ),
    (
        CALL,
        "unavailable",
        "Anna Rossi (102) was not available (480 Temporarily Unavailable).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 480 Temporarily Unavailable @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "far-not-reached",
        "Anna Rossi (102) did not respond: the PBX waited 32 s.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         0.1 < 100 Trying @1 INVITE
         * 32 < 408 Request Timeout @1 INVITE | Reason: Q.850;cause=18
         32 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "no-common-codec",
        "No common codec (488 Not Acceptable Here). Offered were: G729, opus.",
        "0 > INVITE sip:102@pbx @1 | sdp: 18 97\n* 0 < 488 Not Acceptable Here @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "no-common-codec",
        "No common codec (500 Server Internal Error). Offered were: G729.",
        "0 > INVITE sip:102@pbx @1 | sdp: 18
         * 0 < 500 Server Internal Error @1 INVITE | Warning: 304 pbx \"Media type not available\"
         0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "not-found",
        "No such number: the PBX does not know 102 (404 Not Found).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 404 Not Found @1 INVITE | Reason: Q.850;cause=1\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "number-incomplete",
        "The number 102 is not complete (484 Address Incomplete).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 484 Address Incomplete @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "session-interval",
        "The session timer that the phone asked for is too short; at least 90 s are wanted.",
        "0 > INVITE sip:102@pbx @1 | Session-Expires: 60 | sdp: 0
         * 0 < 422 Session Interval Too Small @1 INVITE | Min-SE: 90
         0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "loop",
        "The call went round in a circle (483 Too Many Hops).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 483 Too Many Hops @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "no-line",
        "No line is free, or the trunk is down (503 Service Unavailable).",
        "0 > INVITE sip:00391234@pbx @1 | sdp: 0
         0 < 100 Trying @1 INVITE
         * 0.4 < 503 Service Unavailable @1 INVITE | Reason: Q.850;cause=34 | Retry-After: 30
         0.4 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "too-large",
        "The phone's message was too large for the PBX (513 Message Too Large).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 513 Message Too Large @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "malformed",
        "The PBX could not read the phone's message (400 Bad Request). It says: Missing Contact header.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         * 0 < 400 Bad Request @1 INVITE | Warning: 399 pbx \"Missing Contact header\"
         0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "not-supported",
        "The PBX can't do what the phone asked for (420 Bad Extension).",
        "0 > INVITE sip:102@pbx @1 | Require: 100rel | sdp: 0
         * 0 < 420 Bad Extension @1 INVITE | Unsupported: 100rel
         0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "server-error",
        "The PBX, or who is behind it, had an error (500 Server Internal Error).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 500 Server Internal Error @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "forbidden",
        "The PBX forbids this call (403 Forbidden).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 403 Forbidden @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "refused",
        "The PBX refused the call: 433 Anonymity Disallowed.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 0 < 433 Anonymity Disallowed @1 INVITE\n0 > ACK sip:102@pbx @1",
    ),
    (
        CALL,
        "ended-before-answer",
        "It ended after 9 s, before anybody answered.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n0.3 < 183 Session Progress @1 INVITE\n* 9 < 487 Request Terminated @1 INVITE\n9 > ACK sip:102@pbx @1",
    ),
];

/// Where the user is called.
pub(crate) const INTO: &[Story] = &[
    (
        CALL,
        "answered-elsewhere",
        "Answered elsewhere: another phone took the call.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         0.2 > 180 Ringing @7 INVITE
         * 4 < CANCEL sip:101@192.0.2.17 @7 | Reason: SIP;cause=200;text=\"Call completed elsewhere\"
         4 > 200 OK @7 CANCEL
         4 > 487 Request Terminated @7 INVITE
         4 < ACK sip:101@192.0.2.17 @7",
    ),
    (
        CALL,
        "no-response",
        "The phone did not respond at all: the INVITE was sent 4 times, and nothing came back.",
        "* 0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         0.5 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         1.5 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         3.5 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         6 < CANCEL sip:101@192.0.2.17 @7 | Reason: Q.850;cause=0
         6 # ended 0",
    ),
    (
        CALL,
        "transport-failed",
        "The PBX could not reach the phone: out of order (cause 27).",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0\n* 0.1 # ended 27",
    ),
    (
        CALL,
        "cancelled",
        "The caller hung up after 7 s, before the user answered.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         0.2 > 180 Ringing @7 INVITE
         * 7 < CANCEL sip:101@192.0.2.17 @7 | Reason: Q.850;cause=127
         7 > 487 Request Terminated @7 INVITE",
    ),
    (
        CALL,
        "did-not-ring",
        "The phone took the call and did not ring within 20 s.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         0.2 > 100 Trying @7 INVITE
         * 20 < CANCEL sip:101@192.0.2.17 @7
         20 > 487 Request Terminated @7 INVITE",
    ),
    (
        CALL,
        "no-answer",
        "Nobody answered in 20 s of ringing. It had been forwarded by 104.",
        "0 < INVITE sip:101@192.0.2.17 @7 | Diversion: <sip:104@pbx>;reason=no-answer | sdp: 0
         1 > 180 Ringing @7 INVITE
         * 21 < CANCEL sip:101@192.0.2.17 @7 | Reason: Q.850;cause=0
         21 > 487 Request Terminated @7 INVITE
         21 # ended 0",
    ),
    (
        CALL,
        "forwarded",
        "The phone forwarded the call to 103.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         * 0.2 > 302 Moved Temporarily @7 INVITE | Contact: \"Anna\" <sip:103@pbx;user=phone>
         0.2 < ACK sip:101@192.0.2.17 @7",
    ),
    (
        CALL,
        "busy",
        "The phone said that it is busy (486 Busy Here).",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         * 0.2 > 486 Busy Here @7 INVITE
         0.2 < ACK sip:101@192.0.2.17 @7
         0.2 # ended 17",
    ),
    (
        CALL,
        "declined",
        "Declined at the phone (603 Decline).",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         0.2 > 180 Ringing @7 INVITE
         * 3 > 603 Decline @7 INVITE
         3 < ACK sip:101@192.0.2.17 @7
         3 # ended 21",
    ),
    (
        CALL,
        "unavailable",
        "The phone said that it takes no call now (480 Do Not Disturb).",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0\n* 0.2 > 480 Do Not Disturb @7 INVITE\n0.2 < ACK sip:101@192.0.2.17 @7\n0.2 # ended 19",
    ),
    (
        CALL,
        "not-found",
        "The phone does not know whom it was called as (404 Not Found).",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0\n* 0.2 > 404 Not Found @7 INVITE\n0.2 < ACK sip:101@192.0.2.17 @7\n0.2 # ended 1",
    ),
    (
        CALL,
        "no-common-codec",
        "No common codec (488 Not Acceptable Here). Offered were: PCMU, PCMA.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0 8\n* 0.2 > 488 Not Acceptable Here @7 INVITE\n0.2 < ACK sip:101@192.0.2.17 @7\n0.2 # ended 58",
    ),
    (
        CALL,
        "challenge-unanswered",
        "The phone asked the PBX for a password, and the PBX has none for it.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         * 0.2 > 401 Unauthorized @7 INVITE | WWW-Authenticate: Digest realm=\"phone\", nonce=\"n1\"
         0.2 < ACK sip:101@192.0.2.17 @7",
    ),
];

/// Answered ones.
pub(crate) const ANSWERED: &[Story] = &[
    (
        "answered call",
        "in-progress",
        "In progress.",
        "0 # running\n0 > INVITE sip:102@pbx @1 | sdp: 0\n0.1 < 200 OK @1 INVITE | sdp: 0\n0.2 > ACK sip:102@pbx @1",
    ),
    (
        "answered call",
        "beginning-not-kept",
        "It ended with a BYE. Its beginning was not kept.",
        "* 0 > BYE sip:102@pbx @2\n0 < 200 OK @2 BYE",
    ),
    (
        "answered call",
        "no-ack",
        "The phone's answer was never confirmed: no ACK for its 200.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         0.2 > 180 Ringing @7 INVITE
         * 2 > 200 OK @7 INVITE | sdp: 0
         2.5 > 200 OK @7 INVITE | sdp: 0
         3.5 > 200 OK @7 INVITE | sdp: 0
         34 > BYE sip:102@192.0.2.1 @1",
    ),
    (
        "answered call",
        "session-timer",
        "The session timer ended the call after 15 min: it was not refreshed in time.",
        "0 > INVITE sip:102@pbx @1 | Session-Expires: 1800 | sdp: 0
         1 < 200 OK @1 INVITE | Session-Expires: 1800;refresher=uas | sdp: 0
         1 > ACK sip:102@192.0.2.1 @1
         * 901 < BYE sip:101@192.0.2.17 @9 | Reason: SIP;cause=408;text=\"session timeout\"
         901 > 200 OK @9 BYE",
    ),
    (
        "answered call",
        "session-timer",
        "The session timer ended the call after 2 min 28 s: it was not refreshed in time.",
        "0 > INVITE sip:102@pbx @1 | x: 90 | sdp: 0
         1 < 200 OK @1 INVITE | Session-Expires: 90;refresher=uac | sdp: 0
         1 > ACK sip:102@192.0.2.1 @1
         61 > INVITE sip:102@192.0.2.1 @2 | sdp: 0
         61 < 200 OK @2 INVITE | Session-Expires: 90;refresher=uac | sdp: 0
         61 > ACK sip:102@192.0.2.1 @2
         * 149 > BYE sip:102@192.0.2.1 @3
         149 < 200 OK @3 BYE",
    ),
    (
        "answered call",
        "no-media",
        "The PBX ended the call after 30 s: no sound (RTP) came.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         1 < 200 OK @1 INVITE | sdp: 0
         1 > ACK sip:102@192.0.2.1 @1
         * 31 < BYE sip:101@192.0.2.17 @9 | Reason: Q.850;cause=44
         31 > 200 OK @9 BYE
         31 # ended 44",
    ),
    (
        "answered call",
        "broken-off",
        "The call broke off after 30 s: the network is out of order (cause 38).",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         1 < 200 OK @1 INVITE | sdp: 0
         1 > ACK sip:102@192.0.2.1 @1
         * 31 < BYE sip:101@192.0.2.17 @9 | Reason: Q.850;cause=38
         31 > 200 OK @9 BYE",
    ),
    (
        "answered call",
        "transfer-failed",
        "The transfer to 999 failed (404 Not Found).",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         1 > 200 OK @7 INVITE | sdp: 0
         1 < ACK sip:101@192.0.2.17 @7
         9 > REFER sip:102@192.0.2.1 @1 | Refer-To: <sip:999@pbx>
         9 < 202 Accepted @1 REFER
         * 9.2 < NOTIFY sip:101@192.0.2.17 @8 | Event: refer | Content-Type: message/sipfrag;version=2.0 | body: SIP/2.0 404 Not Found
         9.3 > 200 OK @8 NOTIFY
         20 > BYE sip:102@192.0.2.1 @2
         20 < 200 OK @2 BYE",
    ),
    (
        "answered call",
        "transferred",
        "Answered; the user transferred the call to 103 after 9 s.",
        "0 < INVITE sip:101@192.0.2.17 @7 | sdp: 0
         1 > 200 OK @7 INVITE | sdp: 0
         1 < ACK sip:101@192.0.2.17 @7
         * 9 > REFER sip:102@192.0.2.1 @1 | Refer-To: <sip:103@pbx?Replaces=a%3Bto-tag%3Db>
         9 < 202 Accepted @1 REFER
         9.2 < NOTIFY sip:101@192.0.2.17 @8 | Event: refer | Content-Type: message/sipfrag;version=2.0 | body: SIP/2.0 200 OK
         9.3 > 200 OK @8 NOTIFY
         10 > BYE sip:102@192.0.2.1 @2
         10 < 200 OK @2 BYE",
    ),
    (
        "answered call",
        "user-hung-up",
        "Answered; the user hung up after 29 s. At first it was connected with 102.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         1 < 200 OK @1 INVITE | sdp: 0
         1 # up
         1 > ACK sip:102@192.0.2.1 @1
         9 # up 104
         * 30 > BYE sip:102@192.0.2.1 @2
         30 < 200 OK @2 BYE",
    ),
    ("answered call", "user-hung-up", "Answered; the user hung up after 1 min.", HUNG_UP),
    (
        "answered call",
        "other-side-hung-up",
        "Answered; Anna Rossi (102) or the PBX hung up after 5 s.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0
         1 < 200 OK @1 INVITE | sdp: 0
         1 > ACK sip:102@192.0.2.1 @1
         * 6 < BYE sip:101@192.0.2.17 @9 | Reason: Q.850;cause=16
         6 > 200 OK @9 BYE",
    ),
    (
        "answered call",
        "hung-up",
        "Answered; it ended after 5 s. Who hung up was not kept.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n1 < 200 OK @1 INVITE | sdp: 0\n1 > ACK sip:102@192.0.2.1 @1\n* 6 # ended 16",
    ),
    (
        "answered call",
        "end-not-seen",
        "Answered. How it ended is not known.",
        "0 > INVITE sip:102@pbx @1 | sdp: 0\n* 1 < 200 OK @1 INVITE | sdp: 0\n1 > ACK sip:102@192.0.2.1 @1",
    ),
];
