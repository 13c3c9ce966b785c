//! Conversions of BN254's scalars between p3's type, halo2curves' type and words.

use halo2curves::bn256::Fr;
use p3_bn254::Bn254;
use p3_field::RawDataSerializable;
use zeno_bn254::Lazy;

/// Number below `2^256`, least significant word first.
pub(super) type Words = [u64; 4];

/// Returns halo2curves' element with the Montgomery form `words`, a number below twice the modulus (`R = 2^256`).
#[inline(always)]
pub(super) fn from_words(words: Words) -> Fr {
    Lazy::from_words(words).reduced()
}

/// Montgomery form of halo2curves' element: `x 2^256` modulo `p`.
#[inline(always)]
pub(super) fn words(x: Fr) -> Words {
    Lazy::from(x).words()
}

/// Converts p3's element to halo2curves'. Both libraries hold `x 2^256` modulo `p`.
#[inline(always)]
pub(super) fn element(x: Bn254) -> Fr {
    let bytes: [u8; 32] = x.into_bytes();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    from_words(words)
}
