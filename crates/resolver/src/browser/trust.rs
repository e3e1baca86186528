//! Extra roots for the browser. Chromium takes none by flag; what it takes is a list of public keys whose chains it
//! believes without asking further. Whoever knows the certificate can send it along in a chain of their own, so this says
//! less than the http engine's check does: it is for what the desktop's owner trusts, a company's authority or a test's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

/// The digest of each certificate's public key as `--ignore-certificate-errors-spki-list` wants it.
pub(super) fn key_digests(roots: &[CertificateDer<'static>]) -> Vec<String> {
    let mut store = rustls::RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().cloned());
    store.roots.iter().map(|root| STANDARD.encode(Sha256::digest(sequence(&root.subject_public_key_info)))).collect()
}

/// Trust anchors keep the inside of the SubjectPublicKeyInfo; digests are over the whole SEQUENCE (X.690, section 8.1).
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut whole = vec![0x30];
    match significant {
        [] => whole.push(0),
        [short @ 0..0x80] => whole.push(*short),
        // At most eight length bytes.
        long => {
            whole.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            whole.extend_from_slice(long);
        }
    }
    whole.extend_from_slice(content);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_short_and_long() {
        assert_eq!(sequence(b"ab"), b"\x30\x02ab");
        assert_eq!(sequence(&[7; 200])[..3], [0x30, 0x81, 200]);
        assert_eq!(sequence(&[7; 300])[..4], [0x30, 0x82, 1, 44]);
    }
}
