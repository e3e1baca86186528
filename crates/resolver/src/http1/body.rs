//! How a body ends (RFC 9112, section 6), and taking it apart.

use crate::answer::{Head, Version};

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// Length fields that contradict each other: response splitting, for all one knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its Content-Length fields contradict each other")]
pub(crate) struct ContradictoryLength;

impl BodyEnd {
    /// How the body behind `head` ends.
    pub(crate) fn of(head: &Head) -> Result<Self, ContradictoryLength> {
        if matches!(head.status, 204 | 304) {
            return Ok(Self::Length(0));
        }
        if head.version != Version::Http10 && head.fields.all("transfer-encoding").any(ends_chunked) {
            return Ok(Self::Chunked);
        }
        let mut lengths = head.fields.all("content-length").flat_map(|value| value.split(|byte| *byte == b','));
        let Some(first) = lengths.next().map(<[u8]>::trim_ascii) else { return Ok(Self::Close) };
        if lengths.any(|other| other.trim_ascii() != first) {
            return Err(ContradictoryLength);
        }
        // No number: Chromium reads to the end of the connection.
        Ok(std::str::from_utf8(first).ok().and_then(|text| text.parse().ok()).map_or(Self::Close, Self::Length))
    }
}

fn ends_chunked(value: &[u8]) -> bool {
    value.rsplit(|byte| *byte == b',').next().is_some_and(|last| last.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// Whether the connection can serve another request when this body has ended.
pub(crate) fn keeps_alive(head: &Head, end: BodyEnd) -> bool {
    let says = |word: &[u8]| {
        let mut words = head.fields.all("connection").flat_map(|value| value.split(|byte| *byte == b','));
        words.any(|own| own.trim_ascii().eq_ignore_ascii_case(word))
    };
    end != BodyEnd::Close
        && match head.version {
            Version::Http10 => says(b"keep-alive"),
            Version::Http11 | Version::Http2 => !says(b"close"),
        }
}

/// Takes a body apart as its bytes come. Never holds more than it was told to keep.
#[derive(Debug)]
pub(crate) struct Body {
    state: State,
    kept: Vec<u8>,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Counting(u64),
    UntilClose,
    ChunkSize { size: u64, seen: bool, in_extension: bool },
    Chunk(u64),
    AfterChunk,
    Trailer { line_is_empty: bool },
    Done,
}

/// What a body has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed.
    More,
    /// All of it is here; so many of the fed bytes belonged to it.
    Done(usize),
    /// Enough of it is here: the limit is reached.
    Full,
}

/// Chunks that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its chunked encoding is broken")]
pub(crate) struct BrokenChunks;

impl Body {
    /// A body that ends at `end`, of which at most `limit` bytes are kept.
    pub(crate) fn new(end: BodyEnd, limit: usize) -> Self {
        let state = match end {
            BodyEnd::Length(0) => State::Done,
            BodyEnd::Length(length) => State::Counting(length),
            BodyEnd::Chunked => State::ChunkSize { size: 0, seen: false, in_extension: false },
            BodyEnd::Close => State::UntilClose,
        };
        Self { state, kept: Vec::new(), limit }
    }

    /// What was kept.
    pub(crate) fn into_kept(self) -> Vec<u8> {
        self.kept
    }

    /// How many bytes were kept so far.
    pub(crate) fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Whether the end of the connection is the end of the body.
    pub(crate) fn may_end_with_connection(&self) -> bool {
        matches!(self.state, State::Done | State::UntilClose)
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Progress, BrokenChunks> {
        let mut at = 0;
        loop {
            if self.state == State::Done {
                return Ok(Progress::Done(at));
            }
            if self.kept.len() >= self.limit {
                return Ok(Progress::Full);
            }
            if at == bytes.len() {
                return Ok(Progress::More);
            }
            at += self.step(&bytes[at..])?;
        }
    }

    /// Takes some of `bytes`, at least one, and tells how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, BrokenChunks> {
        let room = self.limit - self.kept.len();
        let keep = |kept: &mut Vec<u8>, most: u64| {
            let taken = bytes.len().min(room).min(usize::try_from(most).unwrap_or(usize::MAX));
            kept.extend_from_slice(&bytes[..taken]);
            taken
        };
        let byte = bytes[0];
        let (state, taken) = match self.state {
            State::UntilClose => (State::UntilClose, keep(&mut self.kept, u64::MAX)),
            State::Counting(left) => {
                let taken = keep(&mut self.kept, left);
                let left = left - taken as u64;
                (if left == 0 { State::Done } else { State::Counting(left) }, taken)
            }
            State::Chunk(left) => {
                let taken = keep(&mut self.kept, left);
                let left = left - taken as u64;
                (if left == 0 { State::AfterChunk } else { State::Chunk(left) }, taken)
            }
            State::AfterChunk => match byte {
                b'\r' => (State::AfterChunk, 1),
                b'\n' => (State::ChunkSize { size: 0, seen: false, in_extension: false }, 1),
                _ => return Err(BrokenChunks),
            },
            State::ChunkSize { size, seen, in_extension } => {
                let state = match (byte, (byte as char).to_digit(16)) {
                    (b'\n', _) if !seen => return Err(BrokenChunks),
                    (b'\n', _) if size == 0 => State::Trailer { line_is_empty: true },
                    (b'\n', _) => State::Chunk(size),
                    (_, Some(digit)) if !in_extension => {
                        let size = size.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit))).ok_or(BrokenChunks)?;
                        State::ChunkSize { size, seen: true, in_extension }
                    }
                    (b';' | b' ' | b'\t' | b'\r', _) => State::ChunkSize { size, seen, in_extension: seen },
                    _ if in_extension => self.state,
                    _ => return Err(BrokenChunks),
                };
                (state, 1)
            }
            State::Trailer { line_is_empty } => match byte {
                b'\n' if line_is_empty => (State::Done, 1),
                b'\n' => (State::Trailer { line_is_empty: true }, 1),
                b'\r' => (State::Trailer { line_is_empty }, 1),
                _ => (State::Trailer { line_is_empty: false }, 1),
            },
            State::Done => (State::Done, 0),
        };
        self.state = state;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed_in_pieces(end: BodyEnd, limit: usize, bytes: &[u8], piece: usize) -> (Result<Progress, BrokenChunks>, Vec<u8>) {
        let mut body = Body::new(end, limit);
        let mut last = Ok(Progress::More);
        for piece in bytes.chunks(piece) {
            last = body.feed(piece);
            if last != Ok(Progress::More) {
                break;
            }
        }
        (last, body.into_kept())
    }

    #[test]
    fn chunks_are_joined_wherever_they_are_cut() {
        let bytes = b"5;x=y\r\nhello\r\n6 \r\n world\r\n0\r\nTrailer: x\r\n\r\n";
        for piece in 1..bytes.len() {
            let (progress, kept) = fed_in_pieces(BodyEnd::Chunked, 100, bytes, piece);
            assert!(matches!(progress, Ok(Progress::Done(_))), "{piece}");
            assert_eq!(kept, b"hello world", "{piece}");
        }
        assert_eq!(Body::new(BodyEnd::Chunked, 9).feed(b"0\r\n\r\nHTTP/1.1"), Ok(Progress::Done(5)));
    }

    #[test]
    fn what_is_no_chunk_is_told() {
        for bytes in [&b"x\r\n"[..], b"\r\n", b"5\r\nhelloX", b"fffffffffffffffff\r\n"] {
            assert_eq!(fed_in_pieces(BodyEnd::Chunked, 100, bytes, 1).0, Err(BrokenChunks), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn no_more_is_kept_than_the_limit() {
        for end in [BodyEnd::Close, BodyEnd::Length(1_000)] {
            let (progress, kept) = fed_in_pieces(end, 10, &[7; 1_000], 3);
            assert_eq!((progress, kept.len()), (Ok(Progress::Full), 10));
        }
        assert_eq!(fed_in_pieces(BodyEnd::Length(10), 10, &[7; 10], 3).0, Ok(Progress::Done(1)));
    }
}
