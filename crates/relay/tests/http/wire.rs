//! HTTP/1.1 by hand, so that a test can send what no client would.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Time after which an answer that has not come is a failure: generous, since a busy machine is no fault.
const PATIENCE: Duration = Duration::from_secs(80);

/// A request, as it will be written.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
}

/// How the length of a body is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Framing {
    Length,
    /// In chunks of this many bytes.
    Chunked(usize),
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Vec::new(), framing: Framing::Length }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// With this value in place of every other of the header.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).header(name, value)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.body(body).with("Content-Type", "application/json")
    }

    pub(crate) fn chunked(self, size: usize) -> Self {
        Self { framing: Framing::Chunked(size), ..self }
    }

    pub(crate) fn body_bytes(&self) -> usize {
        self.body.len()
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap();
        std::str::from_utf8(value).unwrap()
    }

    /// The bytes of the request.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        match self.framing {
            Framing::Length => {
                if !self.body.is_empty() || self.method != "GET" {
                    bytes.extend(format!("Content-Length: {}\r\n", self.body.len()).into_bytes());
                }
                bytes.extend(b"\r\n");
                bytes.extend(&self.body);
            }
            Framing::Chunked(size) => {
                bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in self.body.chunks(size) {
                    bytes.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
                }
                bytes.extend(b"0\r\n\r\n");
            }
        }
        bytes
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// The answer, which must have this status, as a message.
    pub(crate) fn read<M: serde::de::DeserializeOwned>(&self, status: u16) -> M {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// Status and code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{} {}", self.status, self.text());
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }
}

/// Status and code, to compare [`Answer::refusal`] with.
pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// One connection, used again and again.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::of(stream)
    }

    /// A connection that is open already.
    pub(crate) const fn of(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn send(&mut self, request: &Request) -> Answer {
        // The answer may come, and the connection end, before everything is written.
        let _ = self.write(&request.to_bytes()).await;
        self.answer().await
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.next_answer().await.unwrap_or_else(|| panic!("the connection ended without an answer"))
    }

    /// The next answer, or nothing when the connection ends first.
    pub(crate) async fn next_answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, self.read_answer()).await.expect("an answer in time")
    }

    /// The status of an answer that has a head only, as to HEAD.
    pub(crate) async fn head(mut self) -> u16 {
        while find(&self.read, b"\r\n\r\n").is_none() {
            self.fill().await.unwrap();
        }
        String::from_utf8_lossy(&self.read).split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let head = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                break String::from_utf8(head).unwrap();
            }
            self.fill().await?;
        };
        let mut lines = head.trim_end().split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> =
            lines.map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap()).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
        let has = |name: &str, value: &str| headers.iter().any(|header| header.0 == name && header.1.starts_with(value));
        // A stream of events has no end to wait for; who wants to read it reads it piece by piece.
        if has("transfer-encoding", "chunked") && !has("content-type", "text/event-stream") {
            let body = self.chunks().await?;
            return Some(Answer { status, headers, body });
        }
        while self.read.len() < length {
            self.fill().await?;
        }
        Some(Answer { status, headers, body: self.read.drain(..length).collect() })
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = find(&self.read, b"\r\n") {
                    break self.read.drain(..end + 2).collect::<Vec<u8>>();
                }
                self.fill().await?;
            };
            let length = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).unwrap();
            while self.read.len() < length + 2 {
                self.fill().await?;
            }
            body.extend(self.read.drain(..length));
            self.read.drain(..2);
            if length == 0 {
                return Some(body);
            }
        }
    }

    /// Everything up to and with `text`, as it comes, framing included.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let seen = async {
            loop {
                if let Some(at) = find(&self.read, text.as_bytes()) {
                    return self.read.drain(..at + text.len()).collect::<Vec<u8>>();
                }
                self.fill().await.unwrap();
            }
        };
        let bytes = tokio::time::timeout(PATIENCE, seen).await.expect("what was waited for, in time");
        String::from_utf8(bytes).unwrap()
    }

    /// What comes until `text` does or the connection ends.
    pub(crate) async fn until_closed_or(mut self, text: &str) -> Vec<u8> {
        let ended = async { while find(&self.read, text.as_bytes()).is_none() && self.fill().await.is_some() {} };
        tokio::time::timeout(PATIENCE, ended).await.expect("the stream ends");
        self.read
    }

    async fn fill(&mut self) -> Option<()> {
        let mut bytes = [0; 16_384];
        let count = self.stream.read(&mut bytes).await.unwrap_or(0);
        self.read.extend(&bytes[..count]);
        (count > 0).then_some(())
    }

    /// Waits until the other side ends the connection, and returns what came before that.
    pub(crate) async fn until_closed(mut self) -> Vec<u8> {
        let closed = async { while self.fill().await.is_some() {} };
        tokio::time::timeout(2 * PATIENCE, closed).await.expect("the connection ends");
        self.read
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
