//! The session descriptions (RFC 8866) that phones and PBX exchange. No media flows here: the ports are only written down.

/// An offer or answer with the codecs of an ordinary phone.
pub(crate) fn offer(user: &str, version: u32, held: bool) -> Vec<u8> {
    let direction = if held { "sendonly" } else { "sendrecv" };
    let port = 10_000 + 2 * crate::chance::below(5000);
    format!(
        "v=0\r\no={user} 1 {version} IN IP4 127.0.0.1\r\ns=call\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )
    .into_bytes()
}

/// The PBX's own answer to a phone that holds or resumes: the offer, turned round.
pub(crate) fn answer(offer: &[u8], held: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(offer);
    if held { text.replace("a=sendonly", "a=recvonly").into_bytes() } else { text.into_owned().into_bytes() }
}
