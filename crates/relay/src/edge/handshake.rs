//! The TLS handshake of one connection: in time, or not at all.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::tls::H2;

/// Time for a handshake: two round trips around the world, and some patience with slow machines.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The first byte of every TLS connection: a handshake record (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 22;
/// What somebody gets who speaks plain HTTP where TLS is spoken.
const WRONG_DOOR: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 50\r\nConnection: close\r\n\r\n\
                            This relay speaks TLS here: use https:// in URLs.\n";

/// A connection after its handshake.
pub(crate) struct Wrapped<S> {
    pub(crate) stream: S,
    /// Whether HTTP/2 was agreed upon.
    pub(crate) is_h2: bool,
}

/// Shakes hands. `None`: it did not come about in time, or the other side speaks something else.
pub(crate) async fn shake_hands(acceptor: &TlsAcceptor, mut stream: TcpStream) -> Option<Wrapped<TlsStream<TcpStream>>> {
    let handshake = async {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first[0] != HANDSHAKE_RECORD {
            let _ = stream.write_all(WRONG_DOOR).await;
            let _ = stream.shutdown().await;
            return None;
        }
        acceptor.accept(stream).await.inspect_err(|error| tracing::debug!(%error, "no TLS handshake")).ok()
    };
    let stream = tokio::time::timeout(HANDSHAKE, handshake).await.ok()??;
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
    Some(Wrapped { stream, is_h2 })
}
