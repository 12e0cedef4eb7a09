//! Bad media, made on purpose: packets that are lost and late on their way to the PBX, and reports of more lost on the
//! way back (RFC 3550).

use std::net::UdpSocket;
use std::time::Duration;

use crate::phone::Message;

/// Of each so many packets one is lost.
const LOSES: u16 = 8;
/// Microseconds that every fourth packet is late.
const LATE: u64 = 60_000;
/// Bytes of 20 ms of PCMU.
const PIECE: u32 = 160;
const OURS: u32 = 0x0bad_0bad;

/// Talks badly from `port` to where the answer says, for so many packets of 20 ms, with a report a second.
pub fn talk_badly(port: u16, answer: &Message, packets: u16) {
    let line =
        answer.text.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("an answer with media");
    let to: u16 = line.split(' ').next().unwrap().parse().unwrap();
    let media = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let control = UdpSocket::bind(("127.0.0.1", port + 1)).unwrap();
    media.set_nonblocking(true).unwrap();
    let (mut theirs, mut highest) = (None, 0u16);
    for at in 0..packets {
        std::thread::sleep(Duration::from_micros(if at % 4 == 0 { LATE } else { 6_000 }));
        if at % LOSES != LOSES - 1 {
            let mut packet = vec![0x80, 0];
            packet.extend(at.to_be_bytes());
            packet.extend((u32::from(at) * PIECE).to_be_bytes());
            packet.extend(OURS.to_be_bytes());
            packet.extend([0xd5; PIECE as usize]);
            media.send_to(&packet, ("127.0.0.1", to)).unwrap();
        }
        let mut piece = [0; 2048];
        while let Ok(12..) = media.recv(&mut piece) {
            highest = u16::from_be_bytes([piece[2], piece[3]]);
            theirs = Some([piece[8], piece[9], piece[10], piece[11]]);
        }
        if let Some(theirs) = theirs.filter(|_| at % 50 == 49) {
            control.send_to(&report(theirs, highest, u32::from(at) / 5), ("127.0.0.1", to + 1)).unwrap();
        }
    }
}

/// A receiver report: a fifth is lost, and the jitter is 50 ms.
fn report(theirs: [u8; 4], highest: u16, lost: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend(OURS.to_be_bytes());
    packet.extend(theirs);
    packet.push(51);
    packet.extend(&lost.to_be_bytes()[1..]);
    packet.extend(u32::from(highest).to_be_bytes());
    packet.extend(400u32.to_be_bytes());
    packet.extend([0; 8]);
    packet
}
