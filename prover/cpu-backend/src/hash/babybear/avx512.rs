//! Poseidon2's S-box x^7 over BabyBear, with AVX-512.
//!
//! A power x^7 is a chain of four products, each of which waits for the one before. The processor's reorder window has
//! room for less than three of p3's powers. Here eight chains, the halves of four vectors, take each step together.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_mask_shuffle_epi32, _mm512_min_epu32, _mm512_mul_epi32,
    _mm512_set1_epi32, _mm512_shuffle_epi32, _mm512_sub_epi32,
};

use p3_field::PrimeField32;

use crate::field::{F, P};

/// Vectors that take each step together.
pub(crate) const TOGETHER: usize = 4;
/// Chains in these vectors: a product of 64 bits takes the room of two elements.
const CHAINS: usize = 2 * TOGETHER;
/// Shuffle that copies the upper half of each 64 bits into the lower half.
const UPPER: i32 = 0b11_11_01_01;
/// Mask of the even elements.
const EVEN: u16 = 0x5555;
/// BabyBear's order.
const PRIME: i32 = F::ORDER_U32 as i32;
/// 1 / PRIME modulo 2^32.
const INVERSE: i32 = 0x8800_0001_u32 as i32;

const _: () = assert!(PRIME.wrapping_mul(INVERSE) == 1);

/// (value + constant)^7 of each vector, with one constant for all elements of a vector.
#[inline(always)]
#[expect(unsafe_code, reason = "vector instructions")]
pub(crate) fn powers(values: &mut [P; TOGETHER], constants: &[F; TOGETHER]) {
    // SAFETY: this module exists only in a build for AVX-512. Vectors and `__m512i` are both 16 numbers of 32 bits. An
    // element of BabyBear is a number below PRIME, and so is each number that is written here.
    unsafe {
        let prime = _mm512_set1_epi32(PRIME);
        let inverse = _mm512_set1_epi32(INVERSE);
        // Montgomery's reduction of signed products. The results, in the upper halves, are in (-PRIME, PRIME).
        let reduced = |chains: [__m512i; CHAINS]| {
            let quotients = chains.map(|x| opaque(_mm512_mul_epi32(x, inverse)));
            let multiples = quotients.map(|q| _mm512_mul_epi32(q, prime));
            both(chains, multiples, |x, m| _mm512_sub_epi32(x, m))
        };
        let upper = |chains: [__m512i; CHAINS]| chains.map(|x| _mm512_shuffle_epi32::<UPPER>(x));
        let product = |a, b| both(a, b, |a, b| _mm512_mul_epi32(a, b));

        let sums: [__m512i; TOGETHER] = std::array::from_fn(|index| {
            let value = std::mem::transmute::<P, __m512i>(values[index]);
            // The constant is made negative, so that the sum is in [-PRIME, PRIME).
            let constant =
                _mm512_sub_epi32(_mm512_set1_epi32(std::mem::transmute::<F, i32>(constants[index])), prime);
            _mm512_add_epi32(value, constant)
        });
        let x: [__m512i; CHAINS] = std::array::from_fn(|chain| match chain.checked_sub(TOGETHER) {
            None => sums[chain],
            Some(index) => _mm512_shuffle_epi32::<UPPER>(sums[index]),
        });
        let square = upper(reduced(product(x, x)));
        let cube = upper(reduced(product(square, x)));
        let fourth = upper(reduced(product(square, square)));
        let seventh = reduced(product(fourth, cube));
        for (index, value) in values.iter_mut().enumerate() {
            let (even, odd) = (seventh[index], seventh[TOGETHER + index]);
            let power = _mm512_mask_shuffle_epi32::<UPPER>(odd, EVEN, even);
            *value =
                std::mem::transmute::<__m512i, P>(_mm512_min_epu32(power, _mm512_add_epi32(power, prime)));
        }
    }
}

/// Applies a function to corresponding chains.
#[inline(always)]
fn both(
    a: [__m512i; CHAINS],
    b: [__m512i; CHAINS],
    function: impl Fn(__m512i, __m512i) -> __m512i,
) -> [__m512i; CHAINS] {
    std::array::from_fn(|chain| function(a[chain], b[chain]))
}

/// The same vector, with its origin hidden from the compiler. Otherwise it joins two products of halves to one of 64
/// bits, which takes three times as long.
#[inline(always)]
#[expect(unsafe_code, reason = "an empty assembly block")]
fn opaque(mut x: __m512i) -> __m512i {
    // SAFETY: the assembly has no instruction.
    unsafe { std::arch::asm!("/* {0} */", inout(zmm_reg) x, options(pure, nomem, nostack, preserves_flags)) };
    x
}
