//! Breaks if a terminal that nobody declared gets the wrong icon.

use usermon::directory::kind::of_user_agent;
use usermon::event::Kind;

#[test]
fn the_kind_of_a_contact_that_nobody_declared() {
    let plain = "<sip:101@192.0.2.7:5060>";
    for (user_agent, kind) in [
        ("Yealink SIP-T46S 66.86.0.15", Kind::Sip),
        ("snomD785/10.1.127.11", Kind::Sip),
        ("snom821/8.9.3.80", Kind::Sip),
        ("Grandstream GXP2170 1.0.11.64", Kind::Sip),
        ("Grandstream HT802 1.0.17.5", Kind::Sip),
        ("Cisco/SPA504G-7.6.2", Kind::Sip),
        ("Fanvil X4U 2.4.5", Kind::Sip),
        ("PolycomVVX-VVX_411-UA/5.9.5", Kind::Sip),
        ("Gigaset DE310 IP PRO/02.00", Kind::Sip),
        ("Gigaset Maxwell 3/2.22.1", Kind::Sip),
        ("Aastra 6731i/3.3.1", Kind::Sip),
        ("Mitel 6867i/5.1.0", Kind::Sip),
        ("AVM FRITZ!Box 7590", Kind::Sip),
        ("IP Telephone 300", Kind::Sip),
        ("Umbria phone 2.0", Kind::Sip),
        ("Asterisk PBX 22.1.0", Kind::Sip),
        ("", Kind::Sip),
        ("\u{e9}\u{1f4de}", Kind::Sip),
        ("N510 IP PRO/42.270.00.000.000", Kind::Dect),
        ("Gigaset N670 IP PRO/83.V2.48", Kind::Dect),
        ("Gigaset N870 IP PRO", Kind::Dect),
        ("Gigaset C610A IP/42.075", Kind::Dect),
        ("Yealink W52P 25.81.0.60", Kind::Dect),
        ("Yealink W60B 77.85.0.25", Kind::Dect),
        ("Yealink W70B 146.85.0.37", Kind::Dect),
        ("Yealink W80B 103.83.0.80", Kind::Dect),
        ("YEALINK w90dm 130.85.0.15", Kind::Dect),
        ("snomM300/03.24.0014", Kind::Dect),
        ("snom M400/0530", Kind::Dect),
        ("Snom-M700/04.50", Kind::Dect),
        ("snom M900/0590", Kind::Dect),
        ("Panasonic_KX-TGP600_09.110", Kind::Dect),
        ("Panasonic KX-UDS124CE/02.00", Kind::Dect),
        ("Grandstream DP750 1.0.9.8", Kind::Dect),
        ("Mitel SIP-DECT (SW-Version=8.1SP1)", Kind::Dect),
        ("Aastra RFP35/OMM 5.0", Kind::Dect),
        ("Spectralink IP-DECT Server 400/PCS19A", Kind::Dect),
        ("RTX8660 0405", Kind::Dect),
        ("Z 5.6.1 v2.10.19.9", Kind::Gui),
        ("Zoiper rv2.10.20.4", Kind::Gui),
        ("Linphone-Desktop/5.2.4 (Debian) LinphoneCore/5.3.0", Kind::Gui),
        ("MicroSIP/3.21.3", Kind::Gui),
        ("Bria 5 release 5.8.3", Kind::Gui),
        ("X-Lite release 5.8.3 stamp 103094", Kind::Gui),
        ("Jitsi2.10.5550Linux", Kind::Gui),
        ("baresip v3.10.1 (x86_64/Linux)", Kind::Gui),
        ("PJSUA v2.14 Linux-6.1", Kind::Gui),
        ("Blink Pro 5.9.0 (MacOSX)", Kind::Gui),
        ("Telephone 1.6", Kind::Gui),
        ("Acrobits Softphone/6.21", Kind::Gui),
        ("Groundwire/24.3", Kind::Gui),
        ("Grandstream Wave 1.0.23.20", Kind::Gui),
        ("SIP.js/0.21.2", Kind::Gui),
        ("JsSIP 3.10.0", Kind::Gui),
    ] {
        assert_eq!(of_user_agent(user_agent, plain), kind, "{user_agent}");
    }
    for (contact, kind) in [
        ("sip:q1w2e3@192.0.2.9:53210;transport=ws", Kind::Gui),
        ("<sip:q1w2e3@192.0.2.9:53210;Transport=WSS;ob>", Kind::Gui),
        ("<sip:k3j4h5@df7jal23ls0d.invalid>", Kind::Gui),
        ("sip:k3j4h5@df7jal23ls0d.INVALID;rtcweb-breaker=no", Kind::Gui),
        ("sip:101@192.0.2.9;transport=tls", Kind::Sip),
        ("sip:101@192.0.2.9;transport=wsx", Kind::Sip),
        ("sip:101@phone.invalid.example", Kind::Sip),
        ("", Kind::Sip),
    ] {
        assert_eq!(of_user_agent("Some Phone 1.0", contact), kind, "{contact}");
    }
    assert_eq!(
        of_user_agent("Yealink W60B", "sip:1@a.invalid;transport=ws"),
        Kind::Gui,
        "no base speaks WebSocket"
    );
}
