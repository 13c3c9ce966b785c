//! Products and squares of the AVX2 kernel, in assembly. The compiler's order of the instructions needs spills, which
//! take a tenth more time. See [`super::avx2`] for the form of the numbers, and why the arithmetic is exact.
//!
//! | register | content |
//! |---|---|
//! | `ymm(k mod 6)` | column `k`; six columns are open at a time |
//! | `ymm6` to `ymm9` | the four lowest digits |
//! | `ymm10` | the limb or digit whose row of products is added |
//! | `ymm11` | a carry |
//! | `ymm12`, `ymm13` | the constants that split products into halves |
//! | `ymm14`, `ymm15` | high and low half of a product |

use std::arch::{asm, x86_64::__m256d};

/// Constants of a field: row `i` is read by the assembly at offset `32 i`, and has one constant in four lanes.
#[repr(C, align(32))]
pub(super) struct Table(pub(super) [[u64; 4]; Table::ROWS]);

impl Table {
    /// `1.5 2^103`, near which high halves are rounded.
    pub(super) const HIGH: usize = 0;
    /// `1.5 2^103 + 1.5 2^52`: minus a high half, it is where low halves are rounded.
    pub(super) const HIGH_LOW: usize = 1;
    /// Bits of a digit.
    pub(super) const MASK: usize = 2;
    /// `2^52`, whose bits make a double of a digit.
    pub(super) const EXPONENT: usize = 3;
    /// Subtracted from that double: `2^52` and the centre.
    pub(super) const CENTRE: usize = 4;
    /// Subtracted instead for a limb of the result, where the column below carried a bias.
    pub(super) const CENTRE_CARRY: usize = 5;
    /// Subtracted from the low half of a product.
    pub(super) const LOW: usize = 6;
    /// Subtracted from the top column, read as a double, to which the column below carried a bias.
    pub(super) const LOW_CARRY: usize = 7;
    /// `-1 / p mod 2^51`.
    pub(super) const NEG_INVERSE: usize = 8;
    /// Initial values of the ten columns, for products.
    pub(super) const PRODUCT: usize = 9;
    /// Initial values of the ten columns, for squares.
    pub(super) const SQUARE: usize = 19;
    /// Limbs of `2^-204`, `2^-153`, `2^-102` and `2^-51` modulo `p`, and of `p`.
    pub(super) const REDUCTION: usize = 29;
    /// Number of rows.
    pub(super) const ROWS: usize = 54;
}

// The assembly has these indices as numbers.
const _: () = {
    assert!(Table::HIGH == 0 && Table::HIGH_LOW == 1 && Table::MASK == 2 && Table::EXPONENT == 3);
    assert!(Table::CENTRE == 4 && Table::CENTRE_CARRY == 5 && Table::LOW == 6 && Table::LOW_CARRY == 7);
    assert!(Table::NEG_INVERSE == 8 && Table::PRODUCT == 9 && Table::SQUARE == 19 && Table::REDUCTION == 29);
};

/// Adds the product of a register and a limb in memory to two columns. A column that isn't open yet is given its
/// initial value as the first summand instead of itself.
#[rustfmt::skip]
macro_rules! product {
    ($x:literal, $y:literal, $low:literal, $high:literal) => {
        product!($x, $y, $low, $low, $high, $high)
    };
    ($x:literal, $y:literal, $low:literal, $low_start:literal, $high:literal, $high_start:literal) => {
        concat!(
            "vmovapd ymm14, ymm12\n",
            "vfmadd231pd ymm14, ", $x, ", ", $y, "\n",
            "vsubpd ymm15, ymm13, ymm14\n",
            "vpaddq ", $high, ", ymm14, ", $high_start, "\n",
            "vfmadd231pd ymm15, ", $x, ", ", $y, "\n",
            "vpaddq ", $low, ", ymm15, ", $low_start, "\n",
        )
    };
}

/// Adds a row of products of a limb, put into `ymm10`, with five limbs. Opens the last of its columns.
#[rustfmt::skip]
macro_rules! row {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal, $e:literal, $f:literal, $start:literal) => {
        concat!(
            "vmovapd ymm10, ", $x, "\n",
            product!("ymm10", "[{y}]", $a, $b),
            product!("ymm10", "[{y} + 32]", $b, $c),
            product!("ymm10", "[{y} + 64]", $c, $d),
            product!("ymm10", "[{y} + 96]", $d, $e),
            product!("ymm10", "[{y} + 128]", $e, $e, $f, $start),
        )
    };
}

/// Adds the carry of the column below to a column, and splits it into its digit and its carry.
#[rustfmt::skip]
macro_rules! digit {
    ($column:literal, $digit:literal) => {
        concat!("vpaddq ", $column, ", ", $column, ", ymm11\n", digit!(first $column, $digit))
    };
    (first $column:literal, $digit:literal) => {
        concat!(
            "vpsrlq ymm11, ", $column, ", 51\n",
            "vpand ", $digit, ", ", $column, ", [{t} + 32 * 2]\n",
            "vpor ", $digit, ", ", $digit, ", [{t} + 32 * 3]\n",
            "vsubpd ", $digit, ", ", $digit, ", [{t} + 32 * 4]\n",
        )
    };
}

/// A limb of the result: the column's digit plus the carry of the column below, which isn't propagated further.
#[rustfmt::skip]
macro_rules! limb {
    ($column:literal, $limb:literal) => {
        concat!(
            "vpand ", $limb, ", ", $column, ", [{t} + 32 * 2]\n",
            "vpaddq ", $limb, ", ", $limb, ", ymm11\n",
            "vpsrlq ymm11, ", $column, ", 51\n",
            "vpaddq ", $limb, ", ", $limb, ", [{t} + 32 * 3]\n",
            "vsubpd ", $limb, ", ", $limb, ", [{t} + 32 * 5]\n",
        )
    };
}

/// Adds a row of products of a digit with five limbs of the table, from column 4 on. All columns are open.
#[rustfmt::skip]
macro_rules! reduction {
    ($x:literal, $a:literal, $b:literal, $c:literal, $d:literal, $e:literal) => {
        concat!(
            product!($x, $a, "ymm4", "ymm5"),
            product!($x, $b, "ymm5", "ymm0"),
            product!($x, $c, "ymm0", "ymm1"),
            product!($x, $d, "ymm1", "ymm2"),
            product!($x, $e, "ymm2", "ymm3"),
        )
    };
}

/// Divides the ten columns by `2^255`. The four lowest digits are cut off already; the last one's carry is in `ymm11`.
#[rustfmt::skip]
macro_rules! reduce {
    () => {
        concat!(
            reduction!("ymm6", "[{t} + 32 * 29]", "[{t} + 32 * 30]", "[{t} + 32 * 31]", "[{t} + 32 * 32]", "[{t} + 32 * 33]"),
            reduction!("ymm7", "[{t} + 32 * 34]", "[{t} + 32 * 35]", "[{t} + 32 * 36]", "[{t} + 32 * 37]", "[{t} + 32 * 38]"),
            reduction!("ymm8", "[{t} + 32 * 39]", "[{t} + 32 * 40]", "[{t} + 32 * 41]", "[{t} + 32 * 42]", "[{t} + 32 * 43]"),
            reduction!("ymm9", "[{t} + 32 * 44]", "[{t} + 32 * 45]", "[{t} + 32 * 46]", "[{t} + 32 * 47]", "[{t} + 32 * 48]"),
            // The quotient is the low half of the fifth digit's product with -1 / p.
            digit!("ymm4", "ymm10"),
            "vmovapd ymm14, ymm12\n",
            "vfmadd231pd ymm14, ymm10, [{t} + 32 * 8]\n",
            "vsubpd ymm15, ymm13, ymm14\n",
            "vfmadd231pd ymm15, ymm10, [{t} + 32 * 8]\n",
            "vsubpd ymm10, ymm15, [{t} + 32 * 6]\n",
            reduction!("ymm10", "[{t} + 32 * 49]", "[{t} + 32 * 50]", "[{t} + 32 * 51]", "[{t} + 32 * 52]", "[{t} + 32 * 53]"),
            "vpsrlq ymm11, ymm4, 51\n",
            digit!("ymm5", "ymm6"),
            limb!("ymm0", "ymm7"),
            limb!("ymm1", "ymm8"),
            limb!("ymm2", "ymm9"),
            "vpaddq ymm3, ymm3, ymm11\n",
            "vsubpd ymm3, ymm3, [{t} + 32 * 7]\n",
        )
    };
}

/// Runs the assembly with its registers.
macro_rules! run {
    ($table:expr, [$($operand:tt)*], $($line:expr),* $(,)?) => {{
        let (a, b, c, d, e);
        // SAFETY: the function has AVX2 and FMA enabled. The assembly reads through the references and writes no
        // memory.
        #[expect(unsafe_code, reason = "assembly")]
        unsafe {
            asm!(
                "vmovapd ymm12, [{t}]",
                "vmovapd ymm13, [{t} + 32]",
                $($line,)*
                reduce!(),
                t = in(reg) $table,
                $($operand)*
                out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") e, out("ymm4") _, out("ymm5") _,
                out("ymm6") a, out("ymm7") b, out("ymm8") c, out("ymm9") d, out("ymm10") _, out("ymm11") _,
                out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        [a, b, c, d, e]
    }};
}

/// The product of `x` and `y`, divided by `2^255`.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn multiply(x: &[__m256d; 5], y: &[__m256d; 5], table: &Table) -> [__m256d; 5] {
    run!(
        table,
        [x = in(reg) x, y = in(reg) y,],
        // The first row opens all its columns.
        "vmovapd ymm10, [{x}]",
        product!("ymm10", "[{y}]", "ymm0", "[{t} + 32 * 9]", "ymm1", "[{t} + 32 * 10]"),
        product!("ymm10", "[{y} + 32]", "ymm1", "ymm1", "ymm2", "[{t} + 32 * 11]"),
        product!("ymm10", "[{y} + 64]", "ymm2", "ymm2", "ymm3", "[{t} + 32 * 12]"),
        product!("ymm10", "[{y} + 96]", "ymm3", "ymm3", "ymm4", "[{t} + 32 * 13]"),
        product!("ymm10", "[{y} + 128]", "ymm4", "ymm4", "ymm5", "[{t} + 32 * 14]"),
        digit!(first "ymm0", "ymm6"),
        row!("[{x} + 32]", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm0", "[{t} + 32 * 15]"),
        digit!("ymm1", "ymm7"),
        row!("[{x} + 64]", "ymm2", "ymm3", "ymm4", "ymm5", "ymm0", "ymm1", "[{t} + 32 * 16]"),
        digit!("ymm2", "ymm8"),
        row!("[{x} + 96]", "ymm3", "ymm4", "ymm5", "ymm0", "ymm1", "ymm2", "[{t} + 32 * 17]"),
        digit!("ymm3", "ymm9"),
        row!("[{x} + 128]", "ymm4", "ymm5", "ymm0", "ymm1", "ymm2", "ymm3", "[{t} + 32 * 18]"),
    )
}

/// The square of `x`, divided by `2^255`. Products of different limbs are computed once, with one of them doubled.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn square(x: &[__m256d; 5], table: &Table) -> [__m256d; 5] {
    run!(
        table,
        [x = in(reg) x,],
        "vmovapd ymm10, [{x}]",
        product!("ymm10", "[{x}]", "ymm0", "[{t} + 32 * 19]", "ymm1", "[{t} + 32 * 20]"),
        "vaddpd ymm10, ymm10, ymm10",
        product!("ymm10", "[{x} + 32]", "ymm1", "ymm1", "ymm2", "[{t} + 32 * 21]"),
        product!("ymm10", "[{x} + 64]", "ymm2", "ymm2", "ymm3", "[{t} + 32 * 22]"),
        product!("ymm10", "[{x} + 96]", "ymm3", "ymm3", "ymm4", "[{t} + 32 * 23]"),
        product!("ymm10", "[{x} + 128]", "ymm4", "ymm4", "ymm5", "[{t} + 32 * 24]"),
        digit!(first "ymm0", "ymm6"),
        digit!("ymm1", "ymm7"),
        "vmovapd ymm10, [{x} + 32]",
        product!("ymm10", "[{x} + 32]", "ymm2", "ymm3"),
        "vaddpd ymm10, ymm10, ymm10",
        product!("ymm10", "[{x} + 64]", "ymm3", "ymm4"),
        product!("ymm10", "[{x} + 96]", "ymm4", "ymm5"),
        product!("ymm10", "[{x} + 128]", "ymm5", "ymm5", "ymm0", "[{t} + 32 * 25]"),
        digit!("ymm2", "ymm8"),
        digit!("ymm3", "ymm9"),
        "vmovapd ymm10, [{x} + 64]",
        product!("ymm10", "[{x} + 64]", "ymm4", "ymm5"),
        "vaddpd ymm10, ymm10, ymm10",
        product!("ymm10", "[{x} + 96]", "ymm5", "ymm0"),
        product!("ymm10", "[{x} + 128]", "ymm0", "ymm0", "ymm1", "[{t} + 32 * 26]"),
        "vmovapd ymm10, [{x} + 96]",
        product!("ymm10", "[{x} + 96]", "ymm0", "ymm1"),
        "vaddpd ymm10, ymm10, ymm10",
        product!("ymm10", "[{x} + 128]", "ymm1", "ymm1", "ymm2", "[{t} + 32 * 27]"),
        "vmovapd ymm10, [{x} + 128]",
        product!("ymm10", "[{x} + 128]", "ymm2", "ymm2", "ymm3", "[{t} + 32 * 28]"),
    )
}
