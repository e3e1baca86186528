//! One keep-alive connection that costs next to nothing: it shares two cores with the server that it measures, so it
//! writes a finished buffer and reads no more of the answer than status and length.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer that a connection is ready for; a pull of a hundred jobs fits.
const READ_BUFFER_BYTES: usize = 256 * 1_024;

/// A connection with one request in flight at most.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// The answer to a request.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    head: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let lines = std::str::from_utf8(self.head).ok()?.lines();
        let mut pairs = lines.filter_map(|line| line.split_once(':'));
        pairs.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Connection {
    /// Dials the server.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("could not connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; READ_BUFFER_BYTES], filled: 0 })
    }

    /// Sends one finished request and reads its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await.context("the server closed the connection")?;
        self.filled = 0;
        let (head, status, length) = loop {
            self.read_more().await?;
            if let Some(head) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                let (status, length) = read_head(&self.buffer[..head])?;
                break (head + 4, status, length);
            }
        };
        while self.filled < head + length {
            self.read_more().await?;
        }
        Ok(Answer { status, body: &self.buffer[head..head + length], head: &self.buffer[..head] })
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => bail!("the server closed the connection in the middle of an answer"),
            length => self.filled += length,
        }
        Ok(())
    }
}

/// Status and length of the body.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let head = std::str::from_utf8(head).context("an answer's head is no text")?;
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).context("an answer without a status")?;
    let is_length = |line: &&str| line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case("content-length:"));
    let length = match head.lines().find(is_length) {
        Some(line) => line[15..].trim().parse().context("an answer with an unreadable length")?,
        None if status == 204 => 0,
        None => bail!("an answer without a length: {head}"),
    };
    Ok((status, length))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// A finished POST with a JSON body.
pub(crate) fn post(host: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut request = Vec::with_capacity(512 + body.len());
    request.extend_from_slice(b"POST ");
    request.extend_from_slice(path.as_bytes());
    request.extend_from_slice(format!(" HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n").as_bytes());
    for (name, value) in headers {
        for part in [name, ": ", value, "\r\n"] {
            request.extend_from_slice(part.as_bytes());
        }
    }
    request.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

/// The same request for another path.
pub(crate) fn with_path(request: &[u8], path: &str) -> Vec<u8> {
    let rest = find(request, b" HTTP/1.1\r\n").map_or(request, |at| &request[at..]);
    [b"POST ", path.as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_to_another_path_with_the_same_bytes() {
        let request = post(SocketAddr::from(([127, 0, 0, 1], 80)), "/a", &[("X-Y", "z")], b"{}");
        let text = String::from_utf8(with_path(&request, "/noop")).unwrap();
        assert_eq!(
            text,
            "POST /noop HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\nX-Y: z\r\nContent-Length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn status_and_length_are_read_from_a_head() {
        assert_eq!(read_head(b"HTTP/1.1 202 Accepted\r\ncontent-length: 17\r\nx: y").unwrap(), (202, 17));
        assert_eq!(read_head(b"HTTP/1.1 204 No Content\r\nx: y").unwrap(), (204, 0));
        assert!(read_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked").is_err());
    }
}
