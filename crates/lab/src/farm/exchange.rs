//! Reads a request and writes a route's answer, byte for byte.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::corpus::Route;

/// Bytes of a request; the corpus has queries of 8,000.
const MAX_REQUEST_BYTES: usize = 256 * 1_024;
/// Bytes of a chunk: small enough to cut through any tag.
const CHUNK_BYTES: usize = 7;

/// A request as it came.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) method: String,
    /// In lower case, without port.
    pub(super) host: String,
    /// Path and query.
    pub(super) target: String,
    fields: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) is_tls: bool,
}

impl Received {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Reads one request; `None` when the connection has ended.
pub(super) async fn receive(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, is_tls: bool) -> io::Result<Option<Received>> {
    let too_large = || io::Error::new(io::ErrorKind::InvalidData, "the request is too large");
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if buffer.len() > MAX_REQUEST_BYTES {
            return Err(too_large());
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head: String = buffer[..head_end].iter().map(|&byte| char::from(byte)).collect();
    let mut request = read_head(&head, is_tls);
    let length: usize = request.field("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    if length > MAX_REQUEST_BYTES {
        return Err(too_large());
    }
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    request.body = String::from_utf8_lossy(&buffer[head_end..head_end + length]).into_owned();
    buffer.drain(..head_end + length);
    Ok(Some(request))
}

fn read_head(head: &str, is_tls: bool) -> Received {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    // The absolute form, as proxies get it.
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    let fields =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
    let mut request = Received { method, target: target.to_owned(), fields, is_tls, ..Received::default() };
    let host = request.field("host").unwrap_or_default().to_ascii_lowercase();
    request.host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => host,
    };
    request
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    End,
    Reset,
}

/// Answers as the route says; without a route, 404.
pub(super) async fn answer(stream: &mut (impl AsyncWrite + Unpin), route: Option<&Route>, method: &str) -> io::Result<After> {
    let Some(route) = route else {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<p>not found").await?;
        stream.flush().await?;
        return Ok(After::Keep);
    };
    if route.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(route.delay_ms)).await;
    }
    if route.hang {
        return std::future::pending().await;
    }
    if route.reset {
        return Ok(After::Reset);
    }
    stream.write_all(&write_answer(route, method)).await?;
    stream.flush().await?;
    let says_close =
        route.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close"));
    Ok(if route.no_content_length || says_close { After::End } else { After::Keep })
}

fn write_answer(route: &Route, method: &str) -> Vec<u8> {
    let body = body(route);
    let status_line = match &route.raw_status_line {
        Some(line) => latin1(line),
        None => latin1(&format!("HTTP/1.1 {} {}", route.status, route.reason.as_deref().unwrap_or("OK"))),
    };
    let mut bytes = status_line;
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in &route.headers {
        bytes.extend(latin1(name));
        bytes.extend_from_slice(b": ");
        bytes.extend(latin1(value));
        bytes.extend_from_slice(b"\r\n");
    }
    if route.chunked {
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        for chunk in body.chunks(CHUNK_BYTES) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        return bytes;
    }
    if !route.no_content_length {
        bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    if method != "HEAD" {
        bytes.extend(body);
    }
    bytes
}

fn body(route: &Route) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some((text, times)) = &route.body_pad {
        body = text.repeat(*times).into_bytes();
    }
    match (&route.body_b64, &route.body_latin1) {
        (Some(encoded), _) => body.extend(STANDARD.decode(encoded).unwrap_or_default()),
        (None, Some(text)) => body.extend(latin1(text)),
        (None, None) => body.extend(route.body.bytes()),
    }
    body
}

/// One byte a character; the corpus has no others where this is used.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
}
