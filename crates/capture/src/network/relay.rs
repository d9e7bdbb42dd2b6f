//! HTTP to the camera's own host alone.
//!
//! ffmpeg follows whatever redirects a server sends, and has no option against it. So it reaches an HTTP camera through
//! this proxy, on a port of this machine that lives as long as the stream: requests for the camera's host pass, those
//! for any other are refused before anything is sent there. What goes through a TLS connection stays closed to it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest head of a request in bytes.
const MOST_HEAD_BYTES: usize = 64 << 10;
/// Connections at once: ffmpeg has few, and other programs of this machine have no business here.
const MOST_CONNECTIONS: usize = 16;
/// How long a request and a connection to the camera may take.
const LIMIT: Duration = Duration::from_secs(15);

/// A proxy for one host. Dropping it ends it.
pub(super) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// The camera's host in lower case.
    host: String,
    is_over: AtomicBool,
    connections: AtomicUsize,
    /// Why the last request got no answer.
    failure: Mutex<Option<String>>,
}

impl Relay {
    /// Starts one for the host of this `http` or `https` address.
    pub(super) fn start(address: &str) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "the address has no host");
        let (host, _) = host_and_port(address).ok_or_else(invalid)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            host,
            is_over: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            failure: Mutex::new(None),
        });
        let own = Arc::clone(&shared);
        std::thread::Builder::new().name("http-relay".into()).spawn(move || own.serve(&listener))?;
        Ok(Self { address, shared })
    }

    /// Its address as ffmpeg takes it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The reason where a request got no answer: the camera is not there, or redirects to another host.
    pub(super) fn why_failed(&self) -> Option<String> {
        self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // The listener wakes, and ends.
        let _gone = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(client) = client else { continue };
            if self.connections.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
                self.connections.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let own = Arc::clone(self);
            let serve = move || {
                // Whoever asked sees that the connection ends.
                let _over = own.pass(client);
                own.connections.fetch_sub(1, Ordering::Relaxed);
            };
            let _thread = std::thread::Builder::new().name("http-relay".into()).spawn(serve);
        }
    }

    fn fail(&self, reason: String) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// Serves one connection.
    fn pass(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(LIMIT))?;
        let Some(request) = Request::read(&mut client)? else {
            return client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        };
        if request.host != self.host {
            self.fail(format!(
                "it redirects to another host, {}; give the address of the stream there, or write \
                 `redirects = true` for this camera if you trust it",
                request.host
            ));
            return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
        let mut server = match connect(&request.host, request.port) {
            Ok(server) => server,
            Err(error) => {
                self.fail(format!("it cannot be reached: {error}"));
                return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
            }
        };
        match request.is_tunnel {
            true => client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?,
            false => server.write_all(&request.head)?,
        }
        client.set_read_timeout(None)?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        let ask = std::thread::Builder::new().name("http-relay".into()).spawn(move || {
            let _over = io::copy(&mut from_client, &mut to_server);
            let _over = to_server.shutdown(Shutdown::Write);
        })?;
        let _over = io::copy(&mut server, &mut client);
        // Either end wakes the other direction.
        let _over = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        let _over = ask.join();
        Ok(())
    }
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, LIMIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What ffmpeg asks a proxy for.
struct Request {
    /// In lower case.
    host: String,
    port: u16,
    /// Whether it wants a connection, for TLS, and not an answer.
    is_tunnel: bool,
    /// What the server gets: the request with its path alone.
    head: Vec<u8>,
}

impl Request {
    /// Nothing where it is no request to a proxy.
    fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > MOST_HEAD_BYTES || input.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        Ok(Self::parse(&head))
    }

    fn parse(head: &[u8]) -> Option<Self> {
        let end = head.windows(2).position(|two| two == b"\r\n")?;
        let line = std::str::from_utf8(&head[..end]).ok()?;
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if method == "CONNECT" {
            let (host, port) = host_and_port(&format!("https://{target}"))?;
            return Some(Self { host, port, is_tunnel: true, head: Vec::new() });
        }
        let (host, port) = host_and_port(target)?;
        let rest = target.strip_prefix("http://")?;
        let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let head = [format!("{method} {slash}{path} {version}").as_bytes(), &head[end..]].concat();
        Some(Self { host, port, is_tunnel: false, head })
    }
}

/// Host, in lower case, and port of an `http` or `https` address.
fn host_and_port(address: &str) -> Option<(String, u16)> {
    let (scheme, rest) = address.split_once("://")?;
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (place, usual),
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (address, host, port) in [
            ("http://Cam/", "cam", 80),
            ("https://cam", "cam", 443),
            ("http://a:b@cam:8080/x?y=http://z", "cam", 8080),
            ("HTTP://[fe80::1]:81/", "[fe80::1]", 81),
            ("http://[::1]/", "[::1]", 80),
            ("http://cam?x=@z", "cam", 80),
        ] {
            assert_eq!(host_and_port(address), Some((host.to_owned(), port)), "{address}");
        }
        for nothing in ["cam", "rtsp://cam", "http://", "http://:80/", "http://cam:x/"] {
            assert_eq!(host_and_port(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn requests() {
        let request = Request::parse(b"GET http://Cam:81/a?b HTTP/1.1\r\nHost: cam\r\n\r\n").unwrap();
        assert_eq!((request.host.as_str(), request.port, request.is_tunnel), ("cam", 81, false));
        assert_eq!(request.head, b"GET /a?b HTTP/1.1\r\nHost: cam\r\n\r\n");
        let request = Request::parse(b"CONNECT cam:443 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!((request.host.as_str(), request.port, request.is_tunnel), ("cam", 443, true));
        for none in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], b"GET file:///x HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"\xFF \xFF\r\n"]
        {
            assert!(Request::parse(none).is_none());
        }
    }

    #[test]
    fn fuzz_requests() {
        let sound = [
            &b"GET http://cam:81/a?b HTTP/1.1\r\nHost: cam\r\n\r\n"[..],
            b"CONNECT cam:443 HTTP/1.1\r\n\r\n",
        ];
        mien_fuzz::fuzz("requests", &sound.map(<[u8]>::to_vec), 20_000, |mut input| {
            let _none = Request::read(&mut input);
        });
    }
}
