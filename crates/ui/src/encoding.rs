//! Content codings: which one a request asks for, and the packing itself (RFC 9110, section 8.4). What may be packed at all
//! is for the service to say.

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// A coding that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The smallest.
    Brotli,
    /// What everything reads.
    Gzip,
    /// As it is.
    Plain,
}

/// How long packing may take for what it saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Packed once and sent often.
    Once,
    /// Packed for one reader, who waits: a millisecond for a page.
    Each,
}

/// Sliding windows of 1 MiB and 256 KiB: no page and no asset of ours gains by larger ones.
const ONCE: (u32, u32) = (9, 20);
const EACH: (u32, u32) = (4, 18);

impl Encoding {
    /// The best that the request names, and does not refuse.
    #[must_use]
    pub fn best_for(request: &HeaderMap) -> Self {
        let listed: Vec<&str> =
            request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
        let accepts = |name: &str| {
            listed.iter().any(|item| {
                let mut parts = item.split(';').map(str::trim);
                let named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(name));
                let refused = parts.any(|part| part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0));
                named && !refused
            })
        };
        [Self::Brotli, Self::Gzip].into_iter().find(|coding| coding.name().is_some_and(accepts)).unwrap_or(Self::Plain)
    }

    /// The value of `Content-Encoding`; none for what goes as it is.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }

    /// Packs.
    #[must_use]
    pub fn pack(self, plain: &[u8], effort: Effort) -> Bytes {
        match self {
            Self::Plain => Bytes::copy_from_slice(plain),
            Self::Gzip => {
                let level = if effort == Effort::Once { flate2::Compression::best() } else { flate2::Compression::new(5) };
                read_all(&mut flate2::bufread::GzEncoder::new(plain, level))
            }
            Self::Brotli => {
                let (quality, window_bits) = if effort == Effort::Once { ONCE } else { EACH };
                read_all(&mut brotli::CompressorReader::new(plain, 4_096, quality, window_bits))
            }
        }
    }
}

fn read_all(reader: &mut dyn std::io::Read) -> Bytes {
    let mut out = Vec::new();
    // Reading from memory into memory fails in no other way than by running out of it.
    let _ = reader.read_to_end(&mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn best(accept: &'static str) -> Encoding {
        Encoding::best_for(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn the_coding_is_one_that_the_request_names() {
        assert_eq!(best("gzip, deflate, br"), Encoding::Brotli);
        assert_eq!(best("gzip;q=1.0, br;q=0"), Encoding::Gzip);
        assert_eq!(best("GZIP"), Encoding::Gzip);
        assert_eq!(best("identity"), Encoding::Plain);
        assert_eq!(Encoding::best_for(&HeaderMap::new()), Encoding::Plain);
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let text = "a page of many words, and words, and words ".repeat(500);
        for effort in [Effort::Once, Effort::Each] {
            let mut unpacked = String::new();
            let packed = Encoding::Gzip.pack(text.as_bytes(), effort);
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.as_ref()), &mut unpacked).unwrap();
            assert_eq!(unpacked, text);
            let packed = Encoding::Brotli.pack(text.as_bytes(), effort);
            let mut unpacked = String::new();
            std::io::Read::read_to_string(&mut brotli::Decompressor::new(packed.as_ref(), 4_096), &mut unpacked).unwrap();
            assert_eq!(unpacked, text);
            assert!(packed.len() < text.len() / 50);
        }
        assert_eq!(Encoding::Plain.pack(b"x", Effort::Each), "x");
    }
}
