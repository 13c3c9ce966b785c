//! The forks since the merge: one table, one row a fork.
//!
//! A fork is what changes the rules of execution. Forks that change only the parameters of blobs (EIP-7892) are no
//! rows: their parameters are [`BlobActivation`](super::BlobActivation)s of a chain, before or after any fork.

use alloy_eips::{
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
    eip7594::MAX_BLOBS_PER_TX_FUSAKA,
    eip8282::{BUILDER_DEPOSIT_CONTRACT_ADDRESS, BUILDER_EXIT_CONTRACT_ADDRESS},
};
use alloy_primitives::Address;
use core::fmt;

/// Fork since the merge that changes the rules of execution. Older forks are less than later ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fork {
    /// Proof of stake (EIP-3675).
    Paris,
    /// Withdrawals (EIP-4895).
    Shanghai,
    /// Blobs (EIP-4844), beacon root (EIP-4788).
    Cancun,
    /// Requests (EIP-7685), set-code transactions (EIP-7702).
    Prague,
    /// Transaction gas cap (EIP-7825), block size cap (EIP-7934), blob fee bound (EIP-7918).
    Osaka,
    /// Block access lists (EIP-7928), state gas (EIP-8037).
    Amsterdam,
}

impl Fork {
    /// All forks, oldest first.
    pub const ALL: [Self; FORKS.len()] = {
        let mut all = [Self::Paris; FORKS.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = FORKS[index].fork;
            index += 1;
        }
        all
    };

    /// Returns the fork's row of the table.
    pub const fn rules(self) -> &'static ForkRules {
        &FORKS[self as usize]
    }

    /// Returns the name, in the spelling of clients' blob schedules.
    pub const fn name(self) -> &'static str {
        self.rules().name
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Rules of a fork, as far as this program applies them itself. The EVM has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkRules {
    /// The fork.
    pub fork: Fork,
    /// Name, in the spelling of clients' blob schedules. Chain files have the fork's time under the name and `Time`.
    pub name: &'static str,
    /// Fields that the fork adds to the header, in the order of the header's RLP.
    pub fields: &'static [HeaderField],
    /// Rules of blobs (EIP-4844); `None` if blocks carry no blobs.
    pub blobs: Option<BlobRules>,
    /// Maximum length of a block's RLP, in bytes (EIP-7934).
    pub max_block_length: Option<usize>,
    /// Greatest gas limit of a transaction, state gas included (EIP-8037), if the fork has one. It is not that of EIP-7825,
    /// which the EVM knows.
    pub max_transaction_gas: Option<u64>,
    /// Gas of system calls, and rules of what they find.
    pub system_call: SystemCall,
    /// Static gas of instructions.
    pub gas: GasRules,
    /// All contracts that the end of a block calls for requests, in order. Each must have code.
    pub requests: &'static [RequestContract],
    /// `true` if deposits are requests (EIP-6110).
    pub deposits: bool,
    /// `true` if the header commits to the requests (EIP-7685).
    pub requests_hash: bool,
    /// `true` if a code that begins with 0xef0100 is a delegation (EIP-7702).
    pub delegations: bool,
    /// `true` if nothing is created at an address that has storage (EIP-7610). Otherwise such a creation is not supported:
    /// the specification leaves the storage where clients clear it or have the rule nevertheless.
    pub storage_collisions: bool,
    /// Rules of the block access list (EIP-7928); `None` if blocks have none.
    pub access_list: Option<AccessListRules>,
    /// `true` if this program's own bound on the lengths of MODEXP applies, because the fork has none (EIP-7823).
    pub bounded_modexp: bool,
}

/// Header field that a fork adds. The order is that of the header's RLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeaderField {
    /// `withdrawalsRoot` (EIP-4895).
    WithdrawalsRoot,
    /// `blobGasUsed` (EIP-4844).
    BlobGasUsed,
    /// `excessBlobGas` (EIP-4844).
    ExcessBlobGas,
    /// `parentBeaconBlockRoot` (EIP-4788).
    ParentBeaconBlockRoot,
    /// `requestsHash` (EIP-7685).
    RequestsHash,
    /// `blockAccessListHash` (EIP-7928).
    BlockAccessListHash,
    /// `slotNumber` (EIP-7843).
    SlotNumber,
}

/// Rules of blobs, apart from the parameters that a chain schedules by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRules {
    /// Maximum number of blobs of a transaction (EIP-7594), if the fork has one beside the block's.
    pub max_per_transaction: Option<u64>,
    /// `true` if execution gas bounds the blob fee from below (EIP-7918).
    pub reserve_price: bool,
    /// `true` if a chain must schedule parameters at the fork's time. Otherwise those before it continue to apply.
    pub brings_parameters: bool,
}

/// Gas of system calls, which is neither bought nor counted, and rules of what they find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemCall {
    /// Gas of execution.
    pub gas: u64,
    /// State gas in the reservoir (EIP-8037).
    pub state_gas: u64,
    /// `true` if the calls are the specification's. Then addresses are warm that are warm for a transaction (precompiles,
    /// beneficiary, caller), and `GASPRICE` is the base fee. Accounts that the calls destroy remain, and calls for requests
    /// find the withdrawals credited. Otherwise the calls are those of clients, which agree on all of it.
    pub is_specified: bool,
}

/// Table of the instructions' static gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GasRules {
    /// Prices since Berlin (EIP-2929). The tables of the forks from Paris to Osaka differ only in instructions that
    /// one of them adds.
    UntilOsaka,
    /// Prices of EIP-8038: EXTCODESIZE and EXTCODECOPY cost more.
    SinceAmsterdam,
}

/// Contract that the end of a block calls for requests to the consensus layer (EIP-7685).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestContract {
    /// Withdrawals from the execution layer (EIP-7002).
    Withdrawals,
    /// Consolidations (EIP-7251).
    Consolidations,
    /// Deposits of builders (EIP-8282).
    BuilderDeposits,
    /// Exits of builders (EIP-8282).
    BuilderExits,
}

impl RequestContract {
    /// Returns the contract's address.
    pub const fn address(self) -> Address {
        match self {
            Self::Withdrawals => WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            Self::Consolidations => CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            Self::BuilderDeposits => BUILDER_DEPOSIT_CONTRACT_ADDRESS,
            Self::BuilderExits => BUILDER_EXIT_CONTRACT_ADDRESS,
        }
    }
}

/// Rules of the block access list (EIP-7928).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessListRules {
    /// `ITEM_COST`: gas of the block's limit for each address and each slot of the list.
    pub item_gas: u64,
}

/// The table. A row stands at its fork's index.
pub static FORKS: [ForkRules; 6] = [PARIS, SHANGHAI, CANCUN, PRAGUE, OSAKA, AMSTERDAM];

const _: () = {
    let mut index = 0;
    let mut fields = 0;
    while index < FORKS.len() {
        let ForkRules { fork, fields: added, .. } = FORKS[index];
        assert!(fork as usize == index, "a row stands at its fork's index");
        let mut field = 0;
        while field < added.len() {
            assert!(added[field] as usize == fields, "the rows have every header field once, in order");
            field += 1;
            fields += 1;
        }
        index += 1;
    }
    assert!(fields == HeaderField::SlotNumber as usize + 1, "a row has the last header field");
};

// A row is written as the row before it with its changes, so that a rule is inherited unless a fork ends it. What a row
// says of its fork alone (`fork`, `name`, `fields`) is in every row. `brings_parameters` is of its fork alone, too: a row
// after one that brings parameters has to say that it brings none, as Prague's does.

const PARIS: ForkRules = ForkRules {
    fork: Fork::Paris,
    name: "paris",
    fields: &[],
    blobs: None,
    max_block_length: None,
    max_transaction_gas: None,
    system_call: SystemCall { gas: 30_000_000, state_gas: 0, is_specified: false },
    gas: GasRules::UntilOsaka,
    requests: &[],
    deposits: false,
    requests_hash: false,
    delegations: false,
    storage_collisions: true,
    access_list: None,
    bounded_modexp: true,
};

const SHANGHAI: ForkRules =
    ForkRules { fork: Fork::Shanghai, name: "shanghai", fields: &[HeaderField::WithdrawalsRoot], ..PARIS };

const CANCUN: ForkRules = ForkRules {
    fork: Fork::Cancun,
    name: "cancun",
    fields: &[HeaderField::BlobGasUsed, HeaderField::ExcessBlobGas, HeaderField::ParentBeaconBlockRoot],
    blobs: Some(BlobRules { max_per_transaction: None, reserve_price: false, brings_parameters: true }),
    ..SHANGHAI
};

const PRAGUE: ForkRules = ForkRules {
    fork: Fork::Prague,
    name: "prague",
    fields: &[HeaderField::RequestsHash],
    blobs: Some(BlobRules { max_per_transaction: None, reserve_price: false, brings_parameters: false }),
    requests: &[RequestContract::Withdrawals, RequestContract::Consolidations],
    deposits: true,
    requests_hash: true,
    delegations: true,
    ..CANCUN
};

const OSAKA: ForkRules = ForkRules {
    fork: Fork::Osaka,
    name: "osaka",
    fields: &[],
    blobs: Some(BlobRules {
        max_per_transaction: Some(MAX_BLOBS_PER_TX_FUSAKA),
        reserve_price: true,
        brings_parameters: false,
    }),
    // 10 MiB, minus 2 MiB for the beacon block around it.
    max_block_length: Some((10 << 20) - (2 << 20)),
    bounded_modexp: false,
    ..PRAGUE
};

const AMSTERDAM: ForkRules = ForkRules {
    fork: Fork::Amsterdam,
    name: "amsterdam",
    fields: &[HeaderField::BlockAccessListHash, HeaderField::SlotNumber],
    // TX_MAX_TOTAL_GAS_LIMIT.
    max_transaction_gas: Some(u32::MAX as u64),
    // 16 new slots of 64 bytes, at 1530 gas a byte (EIP-8037).
    system_call: SystemCall { gas: 30_000_000, state_gas: 16 * 64 * 1530, is_specified: true },
    gas: GasRules::SinceAmsterdam,
    requests: &[
        RequestContract::Withdrawals,
        RequestContract::Consolidations,
        RequestContract::BuilderDeposits,
        RequestContract::BuilderExits,
    ],
    storage_collisions: false,
    access_list: Some(AccessListRules { item_gas: 2000 }),
    ..OSAKA
};
