//! Checks of the header against its parent, before execution.

use crate::error::{Subject, Unsupported, ValidationError, bounded, equal};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::{eip1559::BaseFeeParams, eip4844::DATA_GAS_PER_BLOB, eip7840::BlobParams};
use alloy_primitives::{B64, U256};
use zeno_types::chain::{BlobRules, ChainSpec, FORKS, Fork, HeaderField};

/// Minimum gas limit; `GAS_LIMIT_MINIMUM` of the execution specifications.
const MIN_GAS_LIMIT: u64 = 5000;
/// Divisor of the parent's gas limit that bounds the change; `GAS_LIMIT_ADJUSTMENT_FACTOR` of the execution
/// specifications.
const GAS_LIMIT_BOUND_DIVISOR: u64 = 1024;
/// Maximum gas limit: it fits 63 bits (yellow paper, equation 56).
const MAX_GAS_LIMIT: u64 = (1 << 63) - 1;
/// Maximum length of the extra data, in bytes (yellow paper, section 4.4.4).
const MAX_EXTRA_DATA: usize = 32;

/// Checks that the block lies at or after the merge.
pub(crate) fn check_merged(chain: &ChainSpec, header: &Header) -> Result<(), ValidationError> {
    let before = chain.merge_block.is_some_and(|merge| header.number < merge);
    // If the number of the merge block isn't known, the difficulty tells old blocks from new ones.
    if before || (chain.merge_block.is_none() && !header.difficulty.is_zero()) {
        return Err(ValidationError::BeforeMerge { number: header.number, difficulty: header.difficulty });
    }
    Ok(())
}

/// Checks every rule on a header that needs only its parent (execution specifications, `validate_header`).
#[inline(never)]
pub(crate) fn check(chain: &ChainSpec, header: &Header, parent: &Header) -> Result<(), ValidationError> {
    let fork = chain.fork_at(header.timestamp);
    // A parent with the last number has no child. Checked first, so that the sum can't overflow.
    bounded(parent.number < u64::MAX, Subject::Number, parent.number, "below", u64::MAX)?;
    equal(Subject::Number, header.number, parent.number + 1)?;
    bounded(
        header.timestamp > parent.timestamp,
        Subject::Timestamp,
        header.timestamp,
        "above the parent's",
        parent.timestamp,
    )?;
    check_gas(header, parent)?;
    check_proof_of_stake(chain, header, parent)?;
    bounded(
        header.extra_data.len() <= MAX_EXTRA_DATA,
        Subject::ExtraDataLength,
        header.extra_data.len() as u64,
        "at most",
        MAX_EXTRA_DATA as u64,
    )?;
    check_fork_fields(fork, header)?;
    // Both or neither: a possible schedule has parameters from the first fork with blobs on.
    match (chain.blob_params_at(header.timestamp), fork.rules().blobs) {
        (Some(params), Some(rules)) => check_blob_gas(&params, rules, header, parent),
        _ => Ok(()),
    }
}

/// Checks the gas used against the gas limit, the gas limit against the parent's, and the base fee
/// (EIP-1559).
fn check_gas(header: &Header, parent: &Header) -> Result<(), ValidationError> {
    let limit = header.gas_limit;
    bounded(header.gas_used <= limit, Subject::GasUsed, header.gas_used, "at most the gas limit", limit)?;
    bounded(limit >= MIN_GAS_LIMIT, Subject::GasLimit, limit, "at least", MIN_GAS_LIMIT)?;
    bounded(limit <= MAX_GAS_LIMIT, Subject::GasLimit, limit, "at most", MAX_GAS_LIMIT)?;
    let step = parent.gas_limit / GAS_LIMIT_BOUND_DIVISOR;
    let (low, high) = (parent.gas_limit.saturating_sub(step), parent.gas_limit.saturating_add(step));
    bounded(limit < high, Subject::GasLimit, limit, "below", high)?;
    bounded(limit > low, Subject::GasLimit, limit, "above", low)?;

    // EIP-1559. Every fork here comes after London, so the parent has a base fee.
    let fork = Fork::Paris;
    let actual =
        header.base_fee_per_gas.ok_or(ValidationError::Absent { subject: Subject::BaseFee, fork })?;
    let parent_fee =
        parent.base_fee_per_gas.ok_or(ValidationError::Absent { subject: Subject::BaseFee, fork })?;
    let expected = next_base_fee(parent.gas_used, parent.gas_limit, parent_fee);
    equal(Subject::BaseFee, U256::from(actual), expected)
}

/// Base fee of a block whose parent has these values (EIP-1559), in wei per gas.
fn next_base_fee(gas_used: u64, gas_limit: u64, base_fee: u64) -> U256 {
    let BaseFeeParams { max_change_denominator, elasticity_multiplier } = BaseFeeParams::ethereum();
    let target = U256::from(gas_limit) / U256::from(elasticity_multiplier);
    let (used, fee) = (U256::from(gas_used), U256::from(base_fee));
    if target.is_zero() || used == target {
        return fee;
    }
    // All factors have 64 bits, so nothing here can overflow 256 bits.
    let delta = fee * used.abs_diff(target) / target / U256::from(max_change_denominator);
    if used > target { fee + delta.max(U256::ONE) } else { fee - delta }
}

/// Checks that the fields which proof of work needed are constant (EIP-3675).
fn check_proof_of_stake(chain: &ChainSpec, header: &Header, parent: &Header) -> Result<(), ValidationError> {
    equal(Subject::Difficulty, header.difficulty, U256::ZERO)?;
    equal(Subject::Nonce, U256::from(u64::from(header.nonce)), U256::from(u64::from(B64::ZERO)))?;
    equal(Subject::OmmersHash, header.ommers_hash, EMPTY_OMMER_ROOT_HASH)?;
    // The parent may have nonzero difficulty only at the merge, or if it is the genesis block.
    if header.number <= chain.merge_block.unwrap_or(0).max(1) || parent.difficulty.is_zero() {
        return Ok(());
    }
    if chain.merge_block.is_none() {
        let (number, difficulty) = (header.number, parent.difficulty);
        return Err(Unsupported::UnknownMerge { number, difficulty }.into());
    }
    equal(Subject::ParentDifficulty, parent.difficulty, U256::ZERO)
}

/// Checks that the header has all fields of its fork, and none of a later one.
fn check_fork_fields(fork: Fork, header: &Header) -> Result<(), ValidationError> {
    for rules in &FORKS {
        for field in rules.fields {
            let (subject, present) = optional_field(*field, header);
            match (present, rules.fork <= fork) {
                (true, false) => return Err(ValidationError::Unexpected { subject, fork }),
                (false, true) => return Err(ValidationError::Absent { subject, fork }),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Returns the name of a field that a fork adds, and whether the header has it.
fn optional_field(field: HeaderField, header: &Header) -> (Subject, bool) {
    match field {
        HeaderField::WithdrawalsRoot => (Subject::WithdrawalsRoot, header.withdrawals_root.is_some()),
        HeaderField::BlobGasUsed => (Subject::BlobGasUsed, header.blob_gas_used.is_some()),
        HeaderField::ExcessBlobGas => (Subject::ExcessBlobGas, header.excess_blob_gas.is_some()),
        HeaderField::ParentBeaconBlockRoot => {
            (Subject::ParentBeaconBlockRoot, header.parent_beacon_block_root.is_some())
        }
        HeaderField::RequestsHash => (Subject::RequestsHash, header.requests_hash.is_some()),
        HeaderField::BlockAccessListHash => {
            (Subject::BlockAccessListHash, header.block_access_list_hash.is_some())
        }
        HeaderField::SlotNumber => (Subject::SlotNumber, header.slot_number.is_some()),
    }
}

/// Checks the blob gas used, and that the excess follows from the parent (EIP-4844, EIP-7691, EIP-7892,
/// EIP-7918).
fn check_blob_gas(
    params: &BlobParams,
    rules: BlobRules,
    header: &Header,
    parent: &Header,
) -> Result<(), ValidationError> {
    let used = header.blob_gas_used.unwrap_or_default();
    let max = params.max_blob_gas_per_block();
    bounded(used <= max, Subject::BlobGasUsed, used, "at most", max)?;
    let multiple = used - used % DATA_GAS_PER_BLOB;
    equal(Subject::BlobGasUsed, used, multiple)?;
    let excess = header.excess_blob_gas.unwrap_or_default();
    equal(Subject::ExcessBlobGas, U256::from(excess), next_excess_blob_gas(params, rules, parent))?;
    // The executor prices blob gas in 128 bits. Below e^88 every price fits. For a price that does not fit,
    // alloy returns the largest number, which is refused.
    if u128::from(excess) < 88 * params.update_fraction {
        return Ok(());
    }
    let fee = params.calc_blob_fee(excess);
    bounded(fee < u128::MAX, Subject::BlobBaseFee, U256::from(fee), "below", U256::from(u128::MAX))
}

/// Excess blob gas of the child of `parent`; `calculate_excess_blob_gas` of the execution specifications,
/// with the child's parameters and rules.
fn next_excess_blob_gas(params: &BlobParams, rules: BlobRules, parent: &Header) -> U256 {
    let parent_excess = parent.excess_blob_gas.unwrap_or_default();
    let parent_used = U256::from(parent.blob_gas_used.unwrap_or_default());
    let total = U256::from(parent_excess) + parent_used;
    let target = U256::from(params.target_blob_gas_per_block());
    if total < target {
        return U256::ZERO;
    }
    if rules.reserve_price {
        // EIP-7918: while execution costs more than blobs, the target is not subtracted from the excess. So
        // the blob fee catches up.
        let execution =
            U256::from(params.blob_base_cost) * U256::from(parent.base_fee_per_gas.unwrap_or_default());
        let blobs = U256::from(DATA_GAS_PER_BLOB) * U256::from(blob_fee(params, parent_excess));
        if execution > blobs {
            let above_target = U256::from(params.max_blob_count - params.target_blob_count);
            return U256::from(parent_excess)
                + parent_used * above_target / U256::from(params.max_blob_count);
        }
    }
    total - target
}

/// Price of a unit of blob gas, in wei: [`BlobParams::calc_blob_fee`], by 64-bit arithmetic where that
/// suffices, instead of alloy's 512 bits.
pub(crate) fn blob_fee(params: &BlobParams, excess: u64) -> u128 {
    match small_exponential(params.min_blob_fee, excess, params.update_fraction) {
        Some(fee) => fee.into(),
        None => params.calc_blob_fee(excess),
    }
}

/// Computes EIP-4844's `fake_exponential`; `None` if an intermediate number is too large.
fn small_exponential(factor: u128, numerator: u64, denominator: u128) -> Option<u64> {
    let (numerator, denominator) = (u32::try_from(numerator).ok()?, u32::try_from(denominator).ok()?);
    if denominator == 0 {
        return None;
    }
    let mut output = 0_u64;
    let mut term = u64::try_from(factor).ok()?.checked_mul(denominator.into())?;
    let mut divisor = denominator;
    while term > 0 {
        output = output.checked_add(term)?;
        term = multiply_divide(term, numerator, divisor)?;
        divisor = divisor.checked_add(denominator)?;
    }
    Some(output / u64::from(denominator))
}

/// `a · b / c`, rounded down; `None` if it does not fit. `c` is not zero.
fn multiply_divide(a: u64, b: u32, c: u32) -> Option<u64> {
    const LOW: u64 = u32::MAX as u64;
    let (b, c) = (u64::from(b), u64::from(c));
    // The product has 96 bits: `high`, then the lower 32 bits of `low`. Long division by digits of 32 bits.
    let low = (a & LOW) * b;
    let high = (a >> 32) * b + (low >> 32);
    let quotient = high / c;
    let rest = ((high - quotient * c) << 32) | (low & LOW);
    (quotient <= LOW).then(|| (quotient << 32) | (rest / c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloy_primitives::{Address, B256, Bloom, Bytes};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn blob_fees_are_those_of_alloy() {
        let mut rng = StdRng::seed_from_u64(13);
        let mut small = 0;
        let mut check = |params: &BlobParams, excess| {
            assert_eq!(blob_fee(params, excess), params.calc_blob_fee(excess), "{params:?} {excess}");
            let price = small_exponential(params.min_blob_fee, excess, params.update_fraction);
            small += usize::from(price.is_some());
        };
        for params in [BlobParams::cancun(), BlobParams::prague(), BlobParams::osaka(), BlobParams::bpo2()] {
            for ratio in 0..90_000 {
                let excess = (params.update_fraction as u64 * ratio) / 1000;
                check(&params, excess + rng.random_range(0..2));
            }
            for excess in [0, 1, u64::from(u32::MAX), 1 << 32, u64::MAX] {
                check(&params, excess);
            }
            for _ in 0..3000 {
                let fraction = (rng.random::<u64>() >> rng.random_range(0..64)).max(1).into();
                let min_blob_fee = (rng.random::<u128>()).checked_shr(rng.random_range(0..130)).unwrap_or(0);
                let params = BlobParams { update_fraction: fraction, min_blob_fee, ..params };
                // Alloy's number of steps grows with the ratio, until its numbers no longer fit.
                let ratio = rng.random_range(0..100_u64);
                check(
                    &params,
                    (fraction as u64).saturating_mul(ratio).saturating_add(rng.random_range(0..3)),
                );
            }
        }
        assert!(small > 50_000, "{small}");
    }

    #[test]
    fn products_are_divided() {
        let mut rng = StdRng::seed_from_u64(14);
        for _ in 0..100_000 {
            let (a, b, c) = (
                rng.random::<u64>() >> rng.random_range(0..64),
                rng.random::<u32>() >> rng.random_range(0..32),
                (rng.random::<u32>() >> rng.random_range(0..32)).max(1),
            );
            let expected = u64::try_from(u128::from(a) * u128::from(b) / u128::from(c)).ok();
            assert_eq!(multiply_divide(a, b, c), expected, "{a} {b} {c}");
        }
    }

    /// The vectors of EIP-1559's reference, as in go-ethereum's tests.
    #[test]
    fn base_fee_moves_by_an_eighth_at_most() {
        let fee = |limit, used| next_base_fee(used, limit, 1_000_000_000);
        assert_eq!(fee(20_000_000, 10_000_000), U256::from(1_000_000_000));
        assert_eq!(fee(20_000_000, 9_000_000), U256::from(987_500_000));
        assert_eq!(fee(20_000_000, 11_000_000), U256::from(1_012_500_000));
        assert_eq!(fee(20_000_000, 20_000_000), U256::from(1_125_000_000));
        assert_eq!(fee(20_000_000, 0), U256::from(875_000_000));
        assert_eq!(next_base_fee(11, 20, 1), U256::from(2));
    }

    const FIELDS: usize = HeaderField::SlotNumber as usize + 1;

    /// Makes a header that has the optional fields whose bits are set, in the order of [`HeaderField`].
    fn with_fields(bits: usize) -> Header {
        let has = |field: HeaderField| bits & 1 << field as usize != 0;
        // A field that a later version of alloy adds fails to compile here: it needs a place in the table of forks.
        Header {
            parent_hash: B256::ZERO,
            ommers_hash: B256::ZERO,
            beneficiary: Address::ZERO,
            state_root: B256::ZERO,
            transactions_root: B256::ZERO,
            receipts_root: B256::ZERO,
            logs_bloom: Bloom::ZERO,
            difficulty: U256::ZERO,
            number: 0,
            gas_limit: 0,
            gas_used: 0,
            timestamp: 0,
            extra_data: Bytes::new(),
            mix_hash: B256::ZERO,
            nonce: B64::ZERO,
            base_fee_per_gas: Some(0),
            withdrawals_root: has(HeaderField::WithdrawalsRoot).then_some(B256::ZERO),
            blob_gas_used: has(HeaderField::BlobGasUsed).then_some(0),
            excess_blob_gas: has(HeaderField::ExcessBlobGas).then_some(0),
            parent_beacon_block_root: has(HeaderField::ParentBeaconBlockRoot).then_some(B256::ZERO),
            requests_hash: has(HeaderField::RequestsHash).then_some(B256::ZERO),
            block_access_list_hash: has(HeaderField::BlockAccessListHash).then_some(B256::ZERO),
            slot_number: has(HeaderField::SlotNumber).then_some(0),
        }
    }

    /// All sets of optional fields, under all forks: a fork has one.
    #[test]
    fn a_fork_has_one_set_of_header_fields() {
        /// Number of optional fields of each fork. A fork more fails to compile here.
        const COUNTS: [usize; FORKS.len()] = [0, 1, 4, 5, 5, 7, 7];
        for (fork, count) in Fork::ALL.into_iter().zip(COUNTS) {
            let expected = (1 << count) - 1;
            for bits in 0..1 << FIELDS {
                match check_fork_fields(fork, &with_fields(bits)) {
                    Ok(()) => assert_eq!(bits, expected, "{fork}"),
                    Err(ValidationError::Absent { fork: named, .. }) => {
                        assert!(named == fork && expected & !bits != 0, "{fork} {bits:b}");
                    }
                    Err(ValidationError::Unexpected { fork: named, .. }) => {
                        assert!(named == fork && bits & !expected != 0, "{fork} {bits:b}");
                    }
                    Err(error) => panic!("{fork} {bits:b}: {error}"),
                }
            }
        }
    }

    #[test]
    fn a_block_of_the_wrong_fork_is_refused() {
        let amsterdam = with_fields((1 << FIELDS) - 1);
        let osaka = with_fields((1 << 5) - 1);
        let error = check_fork_fields(Fork::Osaka, &amsterdam).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the block access list hash is present, but fork osaka does not have it"
        );
        let error = check_fork_fields(Fork::Amsterdam, &osaka).unwrap_err();
        assert_eq!(error.to_string(), "the block access list hash is absent, but fork amsterdam demands it");
        let error = check_fork_fields(Fork::Amsterdam, &with_fields(0b11_1111)).unwrap_err();
        assert_eq!(error.to_string(), "the slot number is absent, but fork amsterdam demands it");
    }

    /// Parameters change with the child's time, whatever the parent's were, and Amsterdam inherits them.
    #[test]
    fn the_parameters_of_blobs_are_the_child_s() {
        let (bpo2, amsterdam) = (1_761_607_008, 1_791_294_816);
        let blob = DATA_GAS_PER_BLOB;
        let block = |timestamp, number, blobs: u64, excess| {
            let fields = if timestamp < amsterdam { (1 << 5) - 1 } else { (1 << FIELDS) - 1 };
            Header {
                timestamp,
                number,
                gas_limit: 60_000_000,
                gas_used: 30_000_000,
                base_fee_per_gas: Some(7),
                blob_gas_used: Some(blobs * blob),
                excess_blob_gas: Some(excess),
                ommers_hash: EMPTY_OMMER_ROOT_HASH,
                ..with_fields(fields)
            }
        };
        let sepolia = ChainSpec::sepolia();
        let excess_after = |parent: &Header, timestamp, blobs| {
            let child = block(timestamp, parent.number + 1, blobs, 0);
            match check(&sepolia, &child, parent) {
                Ok(()) => Ok(0),
                Err(ValidationError::Mismatch { subject: Subject::ExcessBlobGas, expected, .. }) => {
                    Ok(expected.to_string().parse::<u64>().unwrap())
                }
                Err(error) => Err(error.to_string()),
            }
        };
        // The target is 10 blobs in BPO1, and 14 in BPO2 and after it.
        let parent = block(bpo2 - 12, 9_000_000, 15, 0);
        assert_eq!(excess_after(&parent, bpo2 - 1, 0), Ok(5 * blob));
        assert_eq!(excess_after(&parent, bpo2, 0), Ok(blob));
        for time in [amsterdam - 1, amsterdam, amsterdam + 1] {
            let parent = block(time - 12, 11_000_000, 21, 0);
            assert_eq!(excess_after(&parent, time, 0), Ok(7 * blob));
            // The maximum is 21.
            assert_eq!(excess_after(&parent, time, 21), Ok(7 * blob));
            let error = excess_after(&parent, time, 22).unwrap_err();
            assert!(error.contains("must be at most 2752512"), "{error}");
        }
    }

    /// Values computed by hand from EIP-7918's formula.
    #[test]
    fn blob_fee_is_bounded_by_execution_since_osaka() {
        let parent = |excess_blob_gas, blobs: u64, base_fee| Header {
            excess_blob_gas: Some(excess_blob_gas),
            blob_gas_used: Some(blobs * DATA_GAS_PER_BLOB),
            base_fee_per_gas: Some(base_fee),
            ..Header::default()
        };
        let (prague, osaka) = (BlobParams::prague(), BlobParams::osaka());
        let next = |params, fork: Fork, parent: &Header| {
            next_excess_blob_gas(params, fork.rules().blobs.unwrap(), parent)
        };
        let blob = DATA_GAS_PER_BLOB;
        // 8192 * 17 > 131072 * 1: the reserve price applies, 9 blobs add a third of their gas.
        let dear = parent(10 * blob, 9, 17);
        assert_eq!(next(&osaka, Fork::Osaka, &dear), U256::from(13 * blob));
        assert_eq!(next(&prague, Fork::Prague, &dear), U256::from(13 * blob));
        let dear = parent(10 * blob, 3, 17);
        assert_eq!(next(&osaka, Fork::Osaka, &dear), U256::from(11 * blob));
        assert_eq!(next(&prague, Fork::Prague, &dear), U256::from(7 * blob));
        // 8192 * 16 = 131072: it does not apply.
        let cheap = parent(10 * blob, 3, 16);
        assert_eq!(next(&osaka, Fork::Osaka, &cheap), U256::from(7 * blob));
        let below_target = parent(2 * blob, 3, 17);
        assert_eq!(next(&osaka, Fork::Osaka, &below_target), U256::ZERO);
        // Untrusted values overflow nothing.
        let huge = parent(u64::MAX, 9, u64::MAX);
        assert_eq!(next(&osaka, Fork::Osaka, &huge), U256::from(u64::MAX) + U256::from(3 * blob));
    }
}
