//! Content codings: from the bytes on the wire to those of the page, never more of them than the budget.

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::answer::Fields;

/// Codings on top of each other; servers use one, and a bomb uses many.
const MAX_CODINGS: usize = 3;
/// Base-2 logarithm of zstd's window: 8 MiB, the most that RFC 9659 lets a server use on the web.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A body, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    /// Whether there was an error in the coding; what came before it is kept.
    pub(crate) is_broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Undoes the codings that `Content-Encoding` names. A coding that nobody knows leaves the bytes as they are, as in
/// Chromium; more codings than a server ever needs are an error.
pub(crate) async fn decode(fields: &Fields, bytes: Vec<u8>, limit: usize) -> Decoded {
    let Some(named) = fields.joined("content-encoding") else { return Decoded { bytes, is_broken: false } };
    let mut codings = Vec::new();
    for name in named.split(',').map(|name| name.trim().to_ascii_lowercase()) {
        codings.push(match name.as_str() {
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "br" => Coding::Brotli,
            "zstd" => Coding::Zstd,
            "identity" | "" => continue,
            _ => return Decoded { bytes, is_broken: false },
        });
    }
    if codings.len() > MAX_CODINGS {
        return Decoded { bytes: Vec::new(), is_broken: true };
    }
    let mut decoded = Decoded { bytes, is_broken: false };
    for coding in codings.into_iter().rev() {
        if decoded.bytes.is_empty() {
            break;
        }
        let (bytes, is_broken) = undo(coding, &decoded.bytes, limit).await;
        decoded = Decoded { bytes, is_broken: decoded.is_broken || is_broken };
    }
    decoded
}

async fn undo(coding: Coding, bytes: &[u8], limit: usize) -> (Vec<u8>, bool) {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(bytes);
            decoder.multiple_members(true);
            read(decoder, limit).await
        }
        // "deflate" is zlib by the standard and raw deflate by habit; a zlib stream's first two bytes tell.
        Coding::Deflate if is_zlib(bytes) => read(ZlibDecoder::new(bytes), limit).await,
        Coding::Deflate => read(DeflateDecoder::new(bytes), limit).await,
        Coding::Brotli => read(BrotliDecoder::new(bytes), limit).await,
        Coding::Zstd => read(ZstdDecoder::with_params(bytes, &[DParameter::window_log_max(ZSTD_WINDOW_LOG)]), limit).await,
    }
}

fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}

async fn read(decoder: impl AsyncRead + Unpin, limit: usize) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut decoder = decoder.take(limit as u64);
    let is_broken = decoder.read_to_end(&mut bytes).await.is_err();
    (bytes, is_broken)
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    macro_rules! encoded {
        ($encoder:ident, $bytes:expr) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all($bytes).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }

    async fn decoded(coding: &str, bytes: Vec<u8>, limit: usize) -> Decoded {
        let mut fields = Fields::default();
        fields.push("content-encoding", coding.as_bytes());
        decode(&fields, bytes, limit).await
    }

    #[tokio::test]
    async fn every_coding_is_undone() {
        let page = b"<p>hello hello hello".as_slice();
        let whole = |bytes: &[u8]| Decoded { bytes: bytes.to_vec(), is_broken: false };
        assert_eq!(decoded("gzip", encoded!(GzipEncoder, page), 100).await, whole(page));
        assert_eq!(decoded("deflate", encoded!(ZlibEncoder, page), 100).await, whole(page));
        assert_eq!(decoded("Deflate", encoded!(DeflateEncoder, page), 100).await, whole(page));
        assert_eq!(decoded("br", encoded!(BrotliEncoder, page), 100).await, whole(page));
        assert_eq!(decoded("zstd", encoded!(ZstdEncoder, page), 100).await, whole(page));
        let twice = encoded!(GzipEncoder, &encoded!(BrotliEncoder, page));
        assert_eq!(decoded("br, gzip", twice, 100).await, whole(page));
        assert_eq!(decoded("aes128gcm", page.to_vec(), 100).await, whole(page));
    }

    #[tokio::test]
    async fn a_bomb_gives_no_more_than_the_limit() {
        let zeros = vec![0; 5_000_000];
        for (coding, bomb) in
            [("gzip", encoded!(GzipEncoder, &zeros)), ("br", encoded!(BrotliEncoder, &zeros)), ("zstd", encoded!(ZstdEncoder, &zeros))]
        {
            assert_eq!(decoded(coding, bomb, 1_000).await.bytes.len(), 1_000, "{coding}");
        }
    }

    #[tokio::test]
    async fn what_does_not_decode_is_told() {
        assert!(decoded("gzip", b"no gzip".to_vec(), 100).await.is_broken);
        assert!(decoded("gzip, gzip, gzip, gzip", b"x".to_vec(), 100).await.is_broken);
    }
}
