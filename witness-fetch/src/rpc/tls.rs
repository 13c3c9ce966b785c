//! TLS of the HTTP client.

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;

/// TLS as reqwest configures it: TLS 1.2 and 1.3, the system's roots, and HTTP/2 for nodes that have it.
///
/// reqwest would take the provider of cryptography from a setting of the whole process, which is not a library's to make.
///
/// # Errors
/// The error of a system without roots.
pub(super) fn config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
