//! Functions of [`WordOps`] by number. The host's side of the test includes this file, so that both call the same.

use alloy_primitives::U256;
use core::mem::MaybeUninit;
use zeno_guest_evm::WordOps;

/// Applies the function of [`WordOps`] with this number, in the order of the trait: for tests that compare two
/// implementations.
///
/// # Panics
/// If there is no such function.
pub(crate) fn apply<W: WordOps>(number: u8, a: &mut U256, b: &mut U256) {
    match number {
        0 => {
            let mut copy = MaybeUninit::new(*b);
            W::copy(a, &mut copy);
            #[expect(unsafe_code, reason = "a copy was made")]
            // SAFETY: it was written twice.
            unsafe {
                *b = copy.assume_init();
            }
        }
        1 => W::swap(a, b, &mut MaybeUninit::uninit()),
        2 => W::add(a, b),
        3 => W::sub(a, b),
        4 => W::mul(a, b),
        5 => W::and(a, b),
        6 => W::or(a, b),
        7 => W::xor(a, b),
        8 => W::not(b),
        9 => W::shl(a, b),
        10 => W::shr(a, b),
        11 => W::sar(a, b),
        12 => W::lt(a, b),
        13 => W::gt(a, b),
        14 => W::slt(a, b),
        15 => W::sgt(a, b),
        16 => W::eq(a, b),
        17 => W::is_zero(b),
        18..=21 => {
            let bytes = a.to_be_bytes::<32>();
            let mut number_of = MaybeUninit::new(*b);
            match number {
                18 => W::bytes(&bytes, &mut number_of),
                19 => W::bytes(&[bytes[30], bytes[31]], &mut number_of),
                20 => W::bytes(bytes.first_chunk::<20>().expect("32 bytes are enough"), &mut number_of),
                _ => W::bytes(&[], &mut number_of),
            }
            #[expect(unsafe_code, reason = "a number was made")]
            // SAFETY: it was written twice.
            unsafe {
                *b = number_of.assume_init();
            }
        }
        22 | 23 => {
            // Numbers of any size, small ones among them.
            let (mut scratch, shift) = (MaybeUninit::uninit(), a.as_limbs()[3] as u8);
            let word = if shift & 1 == 0 { *a } else { *a >> usize::from(shift) };
            *b = match number {
                22 => U256::from(W::small(&word, &mut scratch)),
                _ => U256::from(W::is_zero_word(&word, &mut scratch)),
            };
        }
        24 => {
            let (mut bytes, mut reversed) = ([0; 36], [0; 36]);
            for at in 0..4 {
                bytes[at..at + 32].copy_from_slice(&a.to_le_bytes::<32>());
                let from = bytes[at..].first_chunk().expect("32 bytes are left");
                W::reverse(from, reversed[3 - at..].first_chunk_mut().expect("32 bytes are left"));
                *b ^= U256::from_le_slice(&reversed[3 - at..35 - at]);
                *b = b.rotate_left(1);
            }
        }
        // Numbers of any size, and of any difference in size.
        25..=28 => {
            let divide = if number % 2 == 1 { W::div } else { W::rem };
            if number > 26 {
                *b >>= usize::from(b.as_limbs()[0] as u8);
                let shift = usize::from(a.as_limbs()[1] as u8);
                let dividend = *a >> shift;
                divide(&dividend, b);
            } else {
                divide(a, b);
            }
        }
        // The modulus is the third of three words.
        29 | 33 => {
            let mut modulus = *a ^ b.rotate_left(77);
            modulus >>= usize::from(modulus.as_limbs()[1] as u8) & 0xe7;
            match number {
                29 => W::mul_mod(a, b, &mut modulus),
                _ => W::add_mod(a, b, &mut modulus),
            }
            *b = modulus;
        }
        30 => {
            let parts = |word: &U256| {
                core::array::from_fn(|index| (word.as_limbs()[index / 2] >> (32 * (index % 2))) as u32)
            };
            // Mostly they are below.
            let (bytes, bounds) =
                (parts(a).map(|word: u32| word & 0x9f9f_9f9f), parts(b).map(|word: u32| word | 0xa0a0_a0a0));
            *b = U256::from(W::bytes_are_below(&bytes, &bounds));
        }
        31 => W::sdiv(a, b),
        32 => W::srem(a, b),
        34 => W::square(b),
        // Remainders of products that are far larger than the modulus, or hardly larger.
        35 => {
            let mut modulus = *b;
            W::mul_mod(a, a, &mut modulus);
            *b = modulus;
        }
        36 => {
            let mut modulus = U256::MAX;
            W::mul_mod(a, b, &mut modulus);
            *b = modulus;
        }
        _ => panic!("there are 37 functions of words, none has the number {number}"),
    }
}
