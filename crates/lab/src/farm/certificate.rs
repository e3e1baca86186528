//! An authority of the farm's own and a certificate for its hosts, made anew at each start.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a client has to trust, and what the server shows.
pub(super) struct Certified {
    pub(super) authority: CertificateDer<'static>,
    pub(super) server: Arc<ServerConfig>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error(transparent)]
    Made(#[from] rcgen::Error),
    #[error(transparent)]
    Used(#[from] rustls::Error),
}

/// An authority, and a certificate by it for `hosts`.
pub(super) fn certify(hosts: Vec<String>) -> Result<Certified, CertificateError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    authority.distinguished_name.push(DnType::CommonName, "Link Peeler farm");
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, "farm");
    let certificate = params.signed_by(&key, &issuer)?;

    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        // The authority goes along: browsers that are told to trust a key look for it in what the server sends.
        .with_single_cert(vec![certificate.der().clone(), authority_certificate.der().clone()], key)?;
    Ok(Certified { authority: authority_certificate.der().clone(), server: Arc::new(server) })
}
