//! Signatures that must be accepted, and encodings that must not, by every implementation.

use super::*;
use alloc::{vec, vec::Vec};

/// Signatures by both implementations, as far as they are built.
fn verify(keys: &[&BlsPublicKey], message: &Root, signature: &BlsSignature) -> bool {
    let verdicts: Vec<bool> = vec![
        #[cfg(feature = "native")]
        Native.fast_aggregate_verify(keys, message, signature),
        #[cfg(feature = "portable")]
        Portable.fast_aggregate_verify(keys, message, signature),
    ];
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    verdicts[0]
}

/// Makes a key, and its signature of a message.
#[cfg(feature = "native")]
fn sign(seed: u8, message: &Root) -> (BlsPublicKey, BlsSignature) {
    let secret = blst::min_pk::SecretKey::key_gen(&[seed; 32], &[]).unwrap();
    (secret.sk_to_pk().to_bytes(), secret.sign(message, DST, &[]).to_bytes())
}

#[cfg(feature = "native")]
mod signed {
    use super::*;
    use blst::min_pk::{AggregateSignature, Signature};

    /// Sum of signatures.
    fn sum(signatures: &[BlsSignature]) -> BlsSignature {
        let signatures =
            signatures.iter().map(|bytes| Signature::from_bytes(bytes).unwrap()).collect::<Vec<_>>();
        let signatures = signatures.iter().collect::<Vec<_>>();
        AggregateSignature::aggregate(&signatures, false).unwrap().to_signature().to_bytes()
    }

    #[test]
    fn all_signers_and_no_others_are_in_a_sum() {
        let message = [7; 32];
        let (keys, signatures): (Vec<_>, Vec<_>) = (0..4).map(|seed| sign(seed, &message)).unzip();
        let keys = keys.iter().collect::<Vec<_>>();
        let signature = sum(&signatures);
        assert!(verify(&keys, &message, &signature));
        assert!(!verify(&keys[1..], &message, &signature));
        assert!(!verify(&keys, &[8; 32], &signature));
        assert!(!verify(&keys, &message, &sum(&signatures[1..])));
        assert!(!verify(&[], &message, &signature));
        // A member that is there twice signs twice.
        let twice = sum(&[signatures[0], signatures[0]]);
        assert!(verify(&[keys[0], keys[0]], &message, &twice));
        assert!(!verify(&[keys[0]], &message, &twice));
    }

    #[test]
    fn a_point_has_one_encoding() {
        let message = [7; 32];
        let (key, signature) = sign(1, &message);
        assert!(verify(&[&key], &message, &signature));
        for flag in [0x80, 0x40, 0x20] {
            let mut other = key;
            other[0] ^= flag;
            assert!(!verify(&[&other], &message, &signature), "key, {flag:#x}");
            let mut other = signature;
            other[0] ^= flag;
            assert!(!verify(&[&key], &message, &other), "signature, {flag:#x}");
        }
        // The coordinate and the modulus added up, where there is room for the sum.
        let shifted = add_modulus(&key[..48]).map(|bytes| bytes.try_into().unwrap());
        if let Some(shifted) = shifted {
            assert!(!verify(&[&shifted], &message, &signature));
        }
    }

    /// Adds the field's modulus to a coordinate, below its flags.
    fn add_modulus(bytes: &[u8]) -> Option<Vec<u8>> {
        const MODULUS: &str = "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";
        let flags = bytes[0] & 0xe0;
        let mut carry = 0;
        let mut sum = bytes.to_vec();
        sum[0] &= 0x1f;
        for index in (0..48).rev() {
            let digit = u16::from_str_radix(&MODULUS[2 * index..2 * index + 2], 16).unwrap();
            let total = u16::from(sum[index]) + digit + carry;
            sum[index] = total as u8;
            carry = total >> 8;
        }
        let fits = sum[0] < 0x20;
        sum[0] |= flags;
        fits.then_some(sum)
    }

    #[test]
    fn altered_bits_are_refused() {
        let message = [7; 32];
        let (key, signature) = sign(1, &message);
        for bit in (0..48 * 8).step_by(13) {
            let mut other = key;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&[&other], &message, &signature), "key, bit {bit}");
        }
        for bit in (0..96 * 8).step_by(29) {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&[&key], &message, &other), "signature, bit {bit}");
        }
    }

    #[test]
    fn infinity_is_refused() {
        let message = [7; 32];
        let (key, signature) = sign(1, &message);
        let infinity = |length: usize| [vec![0xc0], vec![0; length - 1]].concat();
        let no_key: BlsPublicKey = infinity(48).try_into().unwrap();
        let no_signature: BlsSignature = infinity(96).try_into().unwrap();
        assert!(!verify(&[&no_key], &message, &no_signature));
        assert!(!verify(&[&key, &no_key], &message, &signature));
        assert!(!verify(&[&key], &message, &no_signature));
        // Keys that cancel.
        let mut negative = key;
        negative[0] ^= 0x20;
        assert!(!verify(&[&key, &negative], &message, &no_signature));
    }

    #[test]
    fn points_outside_of_the_subgroup_are_refused() {
        // x = 4 is on G1's curve, and not in its subgroup: 4^3 + 4 = 68 is a square of the field.
        let message = [7; 32];
        let (key, signature) = sign(1, &message);
        let mut outside = [0; 48];
        let mut found = 0;
        for x in 0..20 {
            outside[0] = 0x80;
            outside[47] = x;
            // blst decodes it, so it is a point.
            if let Ok(point) = blst::min_pk::PublicKey::from_bytes(&outside) {
                found += u32::from(point.validate().is_err());
            }
            assert!(!verify(&[&outside], &message, &signature), "{x}");
            assert!(!verify(&[&key, &outside], &message, &signature), "{x}");
        }
        assert!(found > 3, "{found} of these are points outside of the subgroup");
        let mut outside = [0; 96];
        let mut found = 0;
        for x in 0..20 {
            outside[0] = 0x80;
            outside[95] = x;
            if let Ok(point) = Signature::from_bytes(&outside) {
                found += u32::from(point.validate(true).is_err());
            }
            assert!(!verify(&[&key], &message, &outside), "{x}");
        }
        assert!(found > 3, "{found} of these are points outside of the subgroup");
    }
}

#[test]
fn zeros_and_ones_are_no_points() {
    for byte in [0, 0x7f, 0xff] {
        assert!(!verify(&[&[byte; 48]], &[0; 32], &[byte; 96]));
    }
}
