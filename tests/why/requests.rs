//! Registrations and other requests, and how they ended, as phones and PBXs send them.

use super::Story;

const REGISTRATION: &str = "registration";
const REQUEST: &str = "request";

pub(crate) const REGISTERED: &str = "0 > REGISTER sip:pbx @1 | Contact: <sip:101@192.0.2.17>;expires=3600
    0 < 401 Unauthorized @1 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"
    0.1 > REGISTER sip:pbx @2 | Contact: <sip:101@192.0.2.17>;expires=3600 | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
    * 0.1 < 200 OK @2 REGISTER | Contact: <sip:101@192.0.2.17>;expires=3600";
pub(crate) const WRONG_PASSWORD: &str = "0 > REGISTER sip:pbx @1 | Contact: <sip:101@192.0.2.17>
    0 < 401 Unauthorized @1 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
    0.1 > REGISTER sip:pbx @2 | Contact: <sip:101@192.0.2.17> | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
    * 0.1 < 401 Unauthorized @2 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\"";
/// A phone sends what it had the last time, the PBX wants it made anew (RFC 7616 section 3.3).
pub(crate) const STALE: &str = "0 > REGISTER sip:pbx @9 | Contact: <sip:101@192.0.2.17> | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"old\"
    0 < 401 Unauthorized @9 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
    0.1 > REGISTER sip:pbx @10 | Contact: <sip:101@192.0.2.17> | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
    0.1 < 200 OK @10 REGISTER";

pub(crate) const REGISTRATIONS: &[Story] = &[
    (
        REGISTRATION,
        "wrong-password",
        "Wrong password: the digest response does not match the one on the PBX. It came from 192.0.2.17:5060.",
        WRONG_PASSWORD,
    ),
    (
        REGISTRATION,
        "wrong-password",
        "Wrong password: the digest response does not match the one on the PBX. It came from 192.0.2.17:5060.",
        "0 > REGISTER sip:pbx @2 | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
         * 0.1 < 403 Forbidden @2 REGISTER
         0.1 # failed wrong-password",
    ),
    (
        REGISTRATION,
        "unknown-user",
        "Unknown user: the PBX has no such account. It came from 192.0.2.17:5060.",
        "0 > REGISTER sip:pbx @1\n* 0 < 404 Not Found @1 REGISTER",
    ),
    (
        REGISTRATION,
        "forbidden-by-acl",
        "Forbidden: an access list of the PBX refuses this address. It came from 192.0.2.17:5060.",
        "0 > REGISTER sip:pbx @1\n* 0 < 403 Forbidden @1 REGISTER\n0 # failed forbidden",
    ),
    (
        REGISTRATION,
        "forbidden-by-acl",
        "Forbidden: an access list of the PBX refuses this address. It came from 192.0.2.17:5060.",
        "0 > REGISTER sip:pbx @1
         0 < 401 Unauthorized @1 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
         0 # failed forbidden
         0 > REGISTER sip:pbx @2 | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
         * 0 < 401 Unauthorized @2 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\"
         0 # failed forbidden",
    ),
    (
        REGISTRATION,
        "tls-failed",
        "TLS failed: the secure connection was not set up.",
        "0 > REGISTER sip:pbx @1\n* 0 # failed tls",
    ),
    (
        REGISTRATION,
        "challenge-unanswered",
        "The PBX asked for the password, and the phone did not send one, or only one for an old challenge.",
        "0 > REGISTER sip:pbx @1
         * 0 < 401 Unauthorized @1 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"",
    ),
    (
        REGISTRATION,
        "challenge-unanswered",
        "The PBX asked for the password, and the phone did not send one, or only one for an old challenge.",
        "0 > REGISTER sip:pbx @1 | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"old\"
         * 0 < 401 Unauthorized @1 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", stale=true",
    ),
    (
        REGISTRATION,
        "too-many-contacts",
        "Refused, while the account has 1 contact registered already: likely more than the PBX allows for it.",
        "0 # registered sip:101@192.0.2.99
         60 > REGISTER sip:pbx @1
         60 < 401 Unauthorized @1 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
         60 > REGISTER sip:pbx @2 | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
         * 60 < 403 Forbidden @2 REGISTER",
    ),
    (
        REGISTRATION,
        "forbidden-after-password",
        "The PBX forbids it (403 Forbidden) after it saw the password: that is wrong, or the account may not register.",
        "0 > REGISTER sip:pbx @1
         0 < 401 Unauthorized @1 REGISTER | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
         0 > REGISTER sip:pbx @2 | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
         * 0 < 403 Forbidden @2 REGISTER",
    ),
    (
        REGISTRATION,
        "forbidden",
        "The PBX forbids the registration (403 Forbidden), before it saw a password.",
        "0 > REGISTER sip:pbx @1\n* 0 < 403 Forbidden @1 REGISTER",
    ),
    (
        REGISTRATION,
        "unregistered",
        "The phone unregistered.",
        "0 > REGISTER sip:pbx @1 | Contact: * | Expires: 0\n* 0 < 200 OK @1 REGISTER\n0 # unregistered sip:101@192.0.2.17",
    ),
    (REGISTRATION, "registered", "Registered.", REGISTERED),
    (
        REGISTRATION,
        "expired",
        "It ran out: the phone registered and did not refresh it in time.",
        "0 > REGISTER sip:pbx @1 | Contact: <sip:101@192.0.2.17> | Expires: 120
         0 < 200 OK @1 REGISTER
         0 # registered sip:101@192.0.2.17
         100 > REGISTER sip:pbx @2 | Contact: <sip:101@192.0.2.17> | Expires: 120
         100 < 200 OK @2 REGISTER
         * 225 # expired sip:101@192.0.2.17",
    ),
    (
        REGISTRATION,
        "interval-too-brief",
        "The phone asked for too short a time; the PBX takes 60 s at least.",
        "0 > REGISTER sip:pbx @1 | Expires: 30\n* 0 < 423 Interval Too Brief @1 REGISTER | Min-Expires: 60",
    ),
    (
        REGISTRATION,
        "redirected",
        "The PBX told the phone to register at pbx2.example.",
        "0 > REGISTER sip:pbx @1\n* 0 < 302 Moved Temporarily @1 REGISTER | Contact: <sip:pbx2.example>",
    ),
    (
        REGISTRATION,
        "not-supported",
        "The PBX can't do what the phone asked for (420 Bad Extension).",
        "0 > REGISTER sip:pbx @1 | Require: outbound\n* 0 < 420 Bad Extension @1 REGISTER",
    ),
    (
        REGISTRATION,
        "malformed",
        "The PBX could not read the phone's message (400 Bad Request). It says: Bad Contact.",
        "0 > REGISTER sip:pbx @1\n* 0 < 400 Bad Request @1 REGISTER | Warning: 399 pbx \"Bad Contact\"",
    ),
    (
        REGISTRATION,
        "server-error",
        "The PBX had an error (503 Service Unavailable).",
        "0 > REGISTER sip:pbx @1\n* 0 < 503 Service Unavailable @1 REGISTER",
    ),
    (
        REGISTRATION,
        "refused-by-pbx",
        "Refused: the PBX does not take a request of this form.",
        "0 > REGISTER sip:pbx @1\n* 0 < 439 First Hop Lacks Outbound Support @1 REGISTER\n0 # failed refused",
    ),
    (
        REGISTRATION,
        "refused",
        "The PBX refused (439 First Hop Lacks Outbound Support).",
        "0 > REGISTER sip:pbx @1\n* 0 < 439 First Hop Lacks Outbound Support @1 REGISTER",
    ),
    (
        REGISTRATION,
        "no-response",
        "The PBX did not answer: the REGISTER came 3 times.",
        "0 > REGISTER sip:pbx @1\n0.5 > REGISTER sip:pbx @1\n* 1.5 > REGISTER sip:pbx @1",
    ),
];

pub(crate) const OTHERS: &[Story] = &[
    (
        REQUEST,
        "reachable",
        "The phone answers the PBX's check.",
        "0 < OPTIONS sip:101@192.0.2.17 @3\n* 0.02 > 404 Not Found @3 OPTIONS",
    ),
    (
        REQUEST,
        "unreachable",
        "The phone does not answer the PBX's check: OPTIONS was sent 2 times.",
        "0 < OPTIONS sip:101@192.0.2.17 @3\n* 0.5 < OPTIONS sip:101@192.0.2.17 @3",
    ),
    (
        REQUEST,
        "wrong-password",
        "Wrong password: the digest response does not match the one on the PBX. It came from 192.0.2.17:5060.",
        "0 > SUBSCRIBE sip:102@pbx @1 | Event: dialog
         0 < 401 Unauthorized @1 SUBSCRIBE | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"
         0 > SUBSCRIBE sip:102@pbx @2 | Event: dialog | Authorization: Digest username=\"101\", realm=\"pbx\", nonce=\"n1\"
         * 0 < 401 Unauthorized @2 SUBSCRIBE | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\"",
    ),
    (
        REQUEST,
        "challenge-unanswered",
        "The PBX asked for the password, and the phone did not send one.",
        "0 > MESSAGE sip:102@pbx @1\n* 0 < 401 Unauthorized @1 MESSAGE | WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\"",
    ),
    (
        REQUEST,
        "unsubscribed",
        "The phone ended the subscription.",
        "0 > SUBSCRIBE sip:102@pbx @1 | Event: dialog | Expires: 600
         0 < 200 OK @1 SUBSCRIBE
         60 > SUBSCRIBE sip:102@pbx @2 | Event: dialog | Expires: 0
         * 60 < 200 OK @2 SUBSCRIBE",
    ),
    (REQUEST, "answered", "Taken (202 Accepted).", "0 > MESSAGE sip:102@pbx @1\n* 0 < 202 Accepted @1 MESSAGE"),
    (
        REQUEST,
        "bad-event",
        "The PBX has no such event to subscribe to (489 Bad Event): ua-profile.",
        "0 > SUBSCRIBE sip:101@pbx @1 | Event: ua-profile\n* 0 < 489 Bad Event @1 SUBSCRIBE",
    ),
    (
        REQUEST,
        "no-dialog",
        "The phone knows no such subscription or call any more (481 Subscription does not exist).",
        "0 < NOTIFY sip:101@192.0.2.17 @9 | Event: dialog\n* 0 > 481 Subscription does not exist @9 NOTIFY",
    ),
    (
        REQUEST,
        "interval-too-brief",
        "The phone asked for too short a time; the PBX takes 60 s at least.",
        "0 > SUBSCRIBE sip:102@pbx @1 | Event: dialog | Expires: 5\n* 0 < 423 Interval Too Brief @1 SUBSCRIBE | Min-Expires: 60",
    ),
    (
        REQUEST,
        "not-found",
        "The PBX does not know what was asked for (404 Not Found).",
        "0 > SUBSCRIBE sip:199@pbx @1 | Event: dialog\n* 0 < 404 Not Found @1 SUBSCRIBE",
    ),
    (
        REQUEST,
        "forbidden",
        "The PBX forbids it (403 Forbidden).",
        "0 > PUBLISH sip:101@pbx @1 | Event: presence\n* 0 < 403 Forbidden @1 PUBLISH",
    ),
    (
        REQUEST,
        "not-supported",
        "The phone can't do this (405 Method Not Allowed): MESSAGE.",
        "0 < MESSAGE sip:101@192.0.2.17 @1\n* 0 > 405 Method Not Allowed @1 MESSAGE",
    ),
    (
        REQUEST,
        "server-error",
        "The PBX had an error (500 Server Internal Error).",
        "0 > SUBSCRIBE sip:102@pbx @1\n* 0 < 500 Server Internal Error @1 SUBSCRIBE",
    ),
    (REQUEST, "refused", "The PBX refused (412 Conditional Request Failed).", "0 > PUBLISH sip:101@pbx @1\n* 0 < 412 Conditional Request Failed @1 PUBLISH"),
    (
        REQUEST,
        "no-response",
        "The phone did not answer: the NOTIFY was sent 2 times.",
        "0 < NOTIFY sip:101@192.0.2.17 @9 | Event: message-summary\n* 0.5 < NOTIFY sip:101@192.0.2.17 @9 | Event: message-summary",
    ),
];
