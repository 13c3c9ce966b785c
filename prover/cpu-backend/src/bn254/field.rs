//! The scalar field of BN254: from Plonky3's type to the library's that the kernels take, and back.

use halo2curves::bn256::Fr;
use p3_bn254::Bn254;
use p3_field::RawDataSerializable;
use zeno_bn254::Lazy;

/// A number below `2^256`, least significant word first.
pub(super) type Words = [u64; 4];

/// The library's element of a number below twice the modulus that is its Montgomery form with `R = 2^256`.
#[inline(always)]
pub(super) fn from_words(words: Words) -> Fr {
    Lazy::from_words(words).reduced()
}

/// The words in which the library holds `x`: `x 2^256` modulo `p`.
#[inline(always)]
pub(super) fn words(x: Fr) -> Words {
    Lazy::from(x).words()
}

/// The library's element. Both libraries hold `x 2^256` modulo `p`.
#[inline(always)]
pub(super) fn element(x: Bn254) -> Fr {
    let bytes: [u8; 32] = x.into_bytes();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    from_words(words)
}
