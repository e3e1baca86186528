//! TCP to one of several checked addresses, whichever answers first (RFC 8305, "Happy Eyeballs").

use std::io;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::guard::CheckedAddr;

/// How long an address may keep silent before the next one is tried beside it (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses of a name that are tried; a name with more of them gains nothing by the rest.
const MAX_ADDRESSES: usize = 8;

/// Why no address could be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{address}: {source}")]
    Unreachable { address: std::net::SocketAddr, source: io::Error },
    #[error("there is no address")]
    NoAddress,
}

/// Dials. There is no other way out than this function, and it takes nothing but what the guard has checked.
///
/// # Errors
/// The first address's failure, when none can be reached.
pub(crate) async fn dial(addresses: &[CheckedAddr]) -> Result<(TcpStream, CheckedAddr), DialError> {
    if let [only] = addresses {
        return connect(*only, Duration::ZERO).await;
    }
    let mut attempts: FuturesUnordered<_> =
        addresses.iter().take(MAX_ADDRESSES).zip(0_u32..).map(|(address, turn)| connect(*address, STAGGER * turn)).collect();
    let mut first_failure = None;
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(connected) => return Ok(connected),
            Err(failure) => first_failure = first_failure.or(Some(failure)),
        }
    }
    Err(first_failure.unwrap_or(DialError::NoAddress))
}

async fn connect(checked: CheckedAddr, wait: Duration) -> Result<(TcpStream, CheckedAddr), DialError> {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let address = checked.address();
    let unreachable = |source| DialError::Unreachable { address, source };
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    // Requests are written whole: waiting for more to send with them only costs time.
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok((stream, checked))
}
