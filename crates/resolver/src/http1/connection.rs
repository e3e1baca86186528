//! One connection, one exchange after the other.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::body::{Body, BodyEnd, BrokenChunks, ContradictoryLength, Progress, keeps_alive};
use super::head::{NoHead, head_length, read_head};
use crate::answer::Head;
use crate::load::{Load, Patience, Places};

/// Anything bytes go through: TCP, TLS, a tunnel through a proxy.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Interim answers (1xx) before the real one; a server that sends more is not serious.
const MAX_INTERIM: usize = 16;
/// Bytes asked of the system at once: heads fit, bodies take a few turns.
const READ_BYTES: usize = 8 * 1_024;

/// An open connection, between exchanges or in one.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    /// What was read and not yet used.
    buffer: Vec<u8>,
    /// Whether an exchange has ended on it: only then is silence the sign of a server that has given up waiting.
    is_reused: bool,
}

/// A connection in the middle of an exchange: the head has come, the body not yet.
pub(crate) struct Opened {
    end: BodyEnd,
    keeps_alive: bool,
    connection: Connection,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// A reused connection ended before a single byte: the server had given up waiting, and has not seen the request.
    #[error("the connection had ended")]
    Stale,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the connection ended before the answer")]
    Ended,
    #[error("the answer is no HTTP: {0}")]
    NoHead(#[from] NoHead),
    #[error("the answer's head has more than {0} bytes")]
    HeadTooLarge(usize),
    #[error("the answer is no HTTP: {0}")]
    Length(#[from] ContradictoryLength),
    #[error("more than {MAX_INTERIM} interim answers")]
    EndlessInterim,
    #[error("HTTP/2: {0}")]
    Http2(#[from] hyper::Error),
}

impl Connection {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: Vec::new(), is_reused: false }
    }

    /// Sends a request, whole and written out, and reads the head of its answer.
    pub(crate) async fn exchange(mut self, request: &[u8], head_limit: usize) -> Result<(Head, Opened), ExchangeError> {
        if let Err(error) = self.send(request).await {
            return Err(if self.is_reused { ExchangeError::Stale } else { error.into() });
        }
        let mut interim = 0;
        let mut left = head_limit;
        loop {
            let (head, length) = self.read_head(left).await?;
            left = left.saturating_sub(length);
            // 101 is no interim answer, but nobody asked for an upgrade: the connection is of no more use.
            if !(100..200).contains(&head.status) {
                let end = BodyEnd::of(&head)?;
                let keeps_alive = keeps_alive(&head, end);
                return Ok((head, Opened { end, keeps_alive, connection: self }));
            }
            interim += 1;
            if interim > MAX_INTERIM || head.status == 101 {
                return Err(ExchangeError::EndlessInterim);
            }
        }
    }

    async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await?;
        self.stream.flush().await
    }

    async fn read_head(&mut self, limit: usize) -> Result<(Head, usize), ExchangeError> {
        let mut scanned = 0;
        loop {
            if let Some(length) = head_length(&self.buffer, scanned) {
                if length > limit {
                    return Err(ExchangeError::HeadTooLarge(limit));
                }
                let head = read_head(&self.buffer[..length])?;
                self.buffer.drain(..length);
                return Ok((head, length));
            }
            if self.buffer.len() > limit {
                return Err(ExchangeError::HeadTooLarge(limit));
            }
            scanned = self.buffer.len();
            match self.fill().await {
                Ok(0) if scanned == 0 && self.is_reused => return Err(ExchangeError::Stale),
                Err(_) if scanned == 0 && self.is_reused => return Err(ExchangeError::Stale),
                Ok(0) => return Err(ExchangeError::Ended),
                Ok(_) => (),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.buffer).await
    }
}

/// A body that was read as far as anyone wants.
pub(crate) struct ReadBody {
    pub(crate) bytes: Vec<u8>,
    /// What the bytes may stay in memory by.
    pub(crate) places: Places,
    /// Whether the connection ended before the body did.
    pub(crate) is_cut: bool,
    /// For another exchange, when the body came to its end.
    pub(crate) connection: Option<Connection>,
}

impl Opened {
    /// Reads the body, at most `limit` bytes of it. A large one waits for its place.
    pub(crate) async fn read(self, limit: usize, load: &Load, patience: &Patience) -> ReadBody {
        let Self { end, keeps_alive, mut connection } = self;
        let mut body = Body::new(end, limit);
        let mut places = Places::default();
        let (is_cut, connection) = loop {
            match body.feed(&connection.buffer) {
                Ok(Progress::Done(used)) => {
                    connection.buffer.drain(..used);
                    // Bytes behind the body that nobody asked for: such a connection is not to be trusted.
                    let reusable = keeps_alive && connection.buffer.is_empty();
                    connection.is_reused = true;
                    break (false, reusable.then_some(connection));
                }
                Ok(Progress::Full) => break (false, None),
                Err(BrokenChunks) => break (true, None),
                Ok(Progress::More) => connection.buffer.clear(),
            }
            load.grow(&mut places, body.kept(), patience).await;
            match connection.fill().await {
                Ok(1..) => (),
                Ok(0) => break (!body.may_end_with_connection(), None),
                Err(_) => break (true, None),
            }
        };
        ReadBody { bytes: body.into_kept(), places, is_cut, connection }
    }

    /// The connection, when the body that nobody wants is here to its end already: a redirect's body is not awaited.
    pub(crate) fn discard(self) -> Option<Connection> {
        let Self { end, keeps_alive, mut connection } = self;
        let mut body = Body::new(end, usize::MAX);
        let used = match body.feed(&connection.buffer) {
            Ok(Progress::Done(used)) => used,
            Ok(Progress::More | Progress::Full) | Err(BrokenChunks) => return None,
        };
        connection.buffer.drain(..used);
        connection.is_reused = true;
        (keeps_alive && connection.buffer.is_empty()).then_some(connection)
    }

    /// What lies behind the head of an answer to CONNECT; `None` when bytes came with it that the target cannot have
    /// sent yet.
    pub(crate) fn into_tunnel(self) -> Option<Box<dyn Stream>> {
        self.connection.buffer.is_empty().then_some(self.connection.stream)
    }
}
