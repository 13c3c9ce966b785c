//! Reasons of reverts.

use crate::text::printable;
use alloy_primitives::Bytes;
use alloy_sol_types::SolInterface;
use zeno_verifier::contracts::{IZenoVerifier::IZenoVerifierErrors, ZenoLightClient::ZenoLightClientErrors};

/// Length up to which an error by its name is shown, in characters; some errors hold bytes of any length.
const MAX_REASON: usize = 400;

/// The reason of a contract's revert, by the names of its errors, cut after 400 characters.
pub(crate) fn explain(reason: &Bytes) -> String {
    if reason.is_empty() {
        return "without a reason".to_owned();
    }
    // These errors hold numbers, hashes and bytes, and no foreign text.
    let known = IZenoVerifierErrors::abi_decode(reason)
        .map(|error| format!("{error:?}"))
        .or_else(|_| ZenoLightClientErrors::abi_decode(reason).map(|error| format!("{error:?}")));
    if let Ok(known) = known {
        return match known.char_indices().nth(MAX_REASON) {
            Some((end, _)) => format!("{}…", &known[..end]),
            None => known,
        };
    }
    match alloy_sol_types::decode_revert_reason(reason) {
        Some(text) => printable(&text),
        None => printable(&reason.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use alloy_sol_types::{Revert, SolError};
    use zeno_verifier::contracts::IZenoVerifier;

    /// Anybody can write a contract, and so choose the bytes that it reverts with.
    #[test]
    fn reasons_show_nothing_that_a_terminal_obeys() {
        let reason = Revert::from("\u{1b}[2K\u{1b}[1A\u{9b}2JThe proof is valid\r\n\u{202e}dilav".to_owned())
            .abi_encode();
        let shown = explain(&reason.into());
        assert!(shown.contains("The proof is valid"), "{shown:?}");
        assert!(
            !shown.chars().any(|character| character.is_control() || character == '\u{202e}'),
            "{shown:?}"
        );
        let refused = IZenoVerifier::ProofRefused { digest: B256::ZERO, reason: vec![0xaa; 1 << 20].into() };
        assert!(explain(&refused.abi_encode().into()).starts_with("ProofRefused"));
        for reason in
            [Revert::from("x".repeat(1 << 20)).abi_encode(), vec![0xaa; 1 << 20], refused.abi_encode()]
        {
            assert!(explain(&reason.into()).chars().count() <= 401);
        }
        assert_eq!(explain(&Bytes::new()), "without a reason");
    }
}
