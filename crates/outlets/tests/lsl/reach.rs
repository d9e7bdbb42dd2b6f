//! Who reaches the outlets' ports.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use mien_outlets::{Launch, Publisher, Reach};
use mien_stream::{CameraEncoder, StreamSettings, marker_stream};

use crate::{camera, namespace};

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "MIEN_TEST_LSL_REACH";
/// An address of this machine that is not loopback: what comes from it is as good as from elsewhere.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 7);

#[test]
fn nobody_else_is_heard_where_only_this_machine_is_wanted() {
    namespace::run_without_python("reach::inside", &[(INSIDE, "1")]);
}

#[test]
#[ignore = "is run by the test above, in a namespace of its own"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return println!("a role: it is run by another test");
    }
    let address = format!("{ELSEWHERE}/32");
    assert!(Command::new("ip").args(["addr", "add", &address, "dev", "lo"]).status().unwrap().success());
    for (reach, from_elsewhere) in [(Reach::Network, true), (Reach::Machine, false)] {
        let settings = StreamSettings::default();
        let streams = vec![CameraEncoder::new(camera(0), settings.clone()).streams().to_vec()];
        let launch = Launch { reach, ..namespace::launch() };
        let publisher = Publisher::start(&launch, marker_stream(&settings), streams).unwrap();
        let (tcp, udp) = (ports("tcp"), ports("udp"));
        assert!(tcp.len() >= 9 && udp.len() >= 9, "{tcp:?} {udp:?}");
        for port in tcp {
            assert!(connects((Ipv4Addr::LOCALHOST, port).into()), "{reach:?}");
            assert_eq!(connects((ELSEWHERE, port).into()), from_elsewhere, "{reach:?}");
        }
        let answers = |to: Ipv4Addr| udp.iter().filter(|&&port| answers((to, port).into())).count();
        assert!(answers(Ipv4Addr::LOCALHOST) >= 9, "{reach:?}");
        assert_eq!(answers(ELSEWHERE) >= 9, from_elsewhere, "{reach:?}");
        assert!(from_elsewhere || answers(ELSEWHERE) == 0);
        drop(publisher);
    }
}

/// Ports on which this protocol is listened to, as the system lists them.
fn ports(protocol: &str) -> Vec<u16> {
    let text = std::fs::read_to_string(format!("/proc/self/net/{protocol}")).unwrap();
    let port = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let waits = protocol == "udp" || fields[3] == "0A";
        waits.then(|| u16::from_str_radix(fields[1].split_once(':').unwrap().1, 16).unwrap())
    };
    let mut ports: Vec<u16> = text.lines().skip(1).filter_map(port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn connects(to: SocketAddr) -> bool {
    TcpStream::connect_timeout(&to, Duration::from_millis(300)).is_ok()
}

/// Whether a stream answers a search that is sent to this port.
fn answers(to: SocketAddr) -> bool {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let port = socket.local_addr().unwrap().port();
    socket.send_to(format!("LSL:shortinfo\r\n\r\n{port} 1\r\n").as_bytes(), to).unwrap();
    socket.recv_from(&mut [0; 9000]).is_ok()
}
