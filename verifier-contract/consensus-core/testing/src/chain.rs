//! A made-up beacon chain.

use crate::{keys, tree::SparseTree};
use libssz_types::SszBitvector;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use zeno_consensus_core::{
    BeaconBlockHeader, Config, Context, Execution, ExecutionPayloadHeader, Fork, HashTreeRoot as _,
    LightClientBootstrap, LightClientFinalityUpdate, LightClientHeader, LightClientOptimisticUpdate,
    LightClientUpdate, Sha256Hasher as _, SyncAggregate, SyncCommittee,
    config::compute_signing_root,
    crypto::Native,
    get_lc_execution_root,
    merkle::{
        EXECUTION_BLOCK_HASH_GINDEX_GLOAS, EXECUTION_PAYLOAD_GINDEX, GeneralizedIndex,
        current_sync_committee_gindex_at_slot, finalized_root_gindex_at_slot, floorlog2,
        next_sync_committee_gindex_at_slot,
    },
    types::{Hash32, Period, Root, Slot},
    upgrade_lc_header_to_gloas,
};

/// Beacon chain with a block in every slot. What a block is follows from its slot and what the chain was told about it.
#[derive(Debug)]
pub struct BeaconChain<const N: usize> {
    config: Config,
    executions: BTreeMap<Slot, ExecutionPayloadHeader>,
    finalized: BTreeMap<Slot, Slot>,
    /// Cache: each block commits to a finalized one, and so to many.
    computed: Mutex<Computed<N>>,
}

/// Roots of blocks by slot, and committees with their roots by period.
#[derive(Debug, Default)]
struct Computed<const N: usize> {
    roots: BTreeMap<Slot, Root>,
    committees: BTreeMap<Period, (SyncCommittee<N>, Root)>,
}

/// Signature that an update gets: its slot, and who signs.
#[derive(Clone, Debug)]
pub struct Signing<const N: usize> {
    /// Slot of the signature.
    pub slot: Slot,
    /// Bit of each member of the committee, set if it signs.
    pub bits: SszBitvector<N>,
}

impl<const N: usize> Signing<N> {
    /// Signature by all members.
    pub fn all(slot: Slot) -> Self {
        Self::by(slot, 0, N)
    }

    /// Signature by `count` members, from the one with index `first`, round and round.
    ///
    /// # Panics
    /// If there are not as many members.
    pub fn by(slot: Slot, first: usize, count: usize) -> Self {
        assert!(count <= N, "{count} signers of {N}");
        let mut bits = SszBitvector::new();
        for index in first..first + count {
            bits.set(index % N, true).expect("the index is below the length");
        }
        Self { slot, bits }
    }
}

impl<const N: usize> BeaconChain<N> {
    /// Starts a chain on a network.
    ///
    /// # Panics
    /// If the network's committees have another size.
    pub fn new(config: Config) -> Self {
        assert_eq!(config.preset.sync_committee_size, N, "the committee's size");
        Self { config, executions: BTreeMap::new(), finalized: BTreeMap::new(), computed: Mutex::default() }
    }

    /// Returns the network.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Puts an execution block into the block of a slot: the one that the header proves, in Gloas the parent's. Without it
    /// the block is made up.
    pub fn set_execution(&mut self, slot: Slot, header: ExecutionPayloadHeader) {
        self.executions.insert(slot, header);
        self.computed().roots.clear();
    }

    /// Puts an execution block with this hash into the block of a slot, as [`Self::set_execution`] does.
    pub fn set_execution_hash(&mut self, slot: Slot, block_hash: Hash32) {
        let header = ExecutionPayloadHeader { block_hash, ..self.execution(slot) };
        self.set_execution(slot, header);
    }

    /// Makes a slot the finalized one in the state of another. Without it the finalized slot is the first of the epoch before
    /// the last.
    ///
    /// # Panics
    /// If it is not before the other.
    pub fn set_finalized(&mut self, slot: Slot, finalized: Slot) {
        assert!(finalized < slot, "slot {finalized} can't be finalized at slot {slot}");
        self.finalized.insert(slot, finalized);
        self.computed().roots.clear();
    }

    /// Returns the slot that is finalized in the state of another, 0 if that is genesis.
    pub fn finalized_slot(&self, slot: Slot) -> Slot {
        let epoch = self.config.compute_epoch_at_slot(slot).saturating_sub(2);
        self.finalized.get(&slot).copied().unwrap_or(epoch * self.config.preset.slots_per_epoch)
    }

    /// Returns the sync committee of a period.
    pub fn committee(&self, period: Period) -> SyncCommittee<N> {
        self.committee_and_root(period).0
    }

    /// Returns the execution block of a slot, made up if none was set.
    pub fn execution(&self, slot: Slot) -> ExecutionPayloadHeader {
        self.executions.get(&slot).cloned().unwrap_or_else(|| ExecutionPayloadHeader {
            parent_hash: made_up("execution block", slot.wrapping_sub(1)),
            state_root: made_up("execution state", slot),
            block_number: slot,
            timestamp: self.config.genesis_time.saturating_add(slot.saturating_mul(12)),
            block_hash: made_up("execution block", slot),
            ..ExecutionPayloadHeader::default()
        })
    }

    /// Returns the header of a slot, in the form of its fork.
    pub fn header(&self, slot: Slot) -> LightClientHeader {
        let fork = self.config.fork_at_slot(slot);
        let body = self.body(slot);
        let payload = self.execution(slot);
        let execution = match fork {
            Fork::Phase0 | Fork::Altair | Fork::Bellatrix => Execution::Absent,
            Fork::Capella | Fork::Deneb | Fork::Electra | Fork::Fulu => Execution::Payload {
                header: Box::new(payload),
                branch: body.branch(EXECUTION_PAYLOAD_GINDEX),
            },
            Fork::Gloas => Execution::BlockHash {
                hash: payload.block_hash,
                branch: body.branch(EXECUTION_BLOCK_HASH_GINDEX_GLOAS),
            },
        };
        let beacon = BeaconBlockHeader {
            slot,
            proposer_index: slot % 1009,
            parent_root: made_up("parent", slot),
            state_root: self.state(slot).root(),
            body_root: body.root(),
        };
        LightClientHeader { beacon, execution }
    }

    /// Returns the root of the block of a slot.
    pub fn root(&self, slot: Slot) -> Root {
        // The blocks that it commits to come first. There may be too many of them for a recursion.
        let mut missing = vec![];
        let mut next = slot;
        while !self.computed().roots.contains_key(&next) {
            missing.push(next);
            if next == 0 {
                break;
            }
            next = self.finalized_slot(next);
        }
        for slot in missing.into_iter().rev() {
            let root = self.header(slot).beacon_root(&Native);
            self.computed().roots.insert(slot, root);
        }
        self.computed().roots[&slot]
    }

    /// Makes a bootstrap at a block.
    pub fn bootstrap(&self, slot: Slot) -> LightClientBootstrap<N> {
        let period = self.config.compute_sync_committee_period_at_slot(slot);
        let gindex = current_sync_committee_gindex_at_slot(&self.config, slot);
        LightClientBootstrap {
            header: self.header(slot),
            current_sync_committee: self.committee(period),
            current_sync_committee_branch: branch(&self.state(slot), gindex),
        }
    }

    /// Makes an update that attests to the block of a slot. It has the next sync committee and the finalized header of the
    /// block's state, and the form of the slot's fork.
    pub fn update(&self, attested_slot: Slot, signing: &Signing<N>) -> LightClientUpdate<N> {
        let config = &self.config;
        let state = self.state(attested_slot);
        let period = config.compute_sync_committee_period_at_slot(attested_slot);
        let attested_header = self.header(attested_slot);
        LightClientUpdate {
            next_sync_committee: self.committee(period + 1),
            next_sync_committee_branch: branch(
                &state,
                next_sync_committee_gindex_at_slot(config, attested_slot),
            ),
            finalized_header: self.finalized_header(attested_slot),
            finality_branch: branch(&state, finalized_root_gindex_at_slot(config, attested_slot)),
            sync_aggregate: self.sign(attested_header.beacon_root(&Native), signing),
            attested_header,
            signature_slot: signing.slot,
        }
    }

    /// Makes an update with finality alone.
    pub fn finality_update(&self, attested_slot: Slot, signing: &Signing<N>) -> LightClientFinalityUpdate<N> {
        self.update(attested_slot, signing).to_finality_update()
    }

    /// Makes an update with neither committee nor finality.
    pub fn optimistic_update(
        &self,
        attested_slot: Slot,
        signing: &Signing<N>,
    ) -> LightClientOptimisticUpdate<N> {
        self.update(attested_slot, signing).to_optimistic_update()
    }

    /// Signs the root of a block as the committee of the signature's slot does.
    pub fn sign(&self, root: Root, signing: &Signing<N>) -> SyncAggregate<N> {
        let period = self.config.compute_sync_committee_period_at_slot(signing.slot);
        let domain = self.config.sync_committee_domain(&Native, signing.slot);
        keys::sign(period, signing.bits.clone(), &compute_signing_root(&Native, root, domain))
    }

    /// Returns the header that the state of a slot has as finalized, in the form of that slot's fork. That of genesis is
    /// empty.
    fn finalized_header(&self, slot: Slot) -> LightClientHeader {
        let finalized = self.finalized_slot(slot);
        let header = if finalized == 0 { LightClientHeader::default() } else { self.header(finalized) };
        match self.config.fork_at_slot(slot) {
            Fork::Gloas => upgrade_lc_header_to_gloas(&self.context(), header),
            _ => header,
        }
    }

    /// Returns the tree of a block's body.
    fn body(&self, slot: Slot) -> SparseTree {
        let payload = self.execution(slot);
        let nodes = match self.config.fork_at_slot(slot) {
            Fork::Phase0 | Fork::Altair | Fork::Bellatrix => vec![],
            Fork::Gloas => vec![(EXECUTION_BLOCK_HASH_GINDEX_GLOAS, payload.block_hash)],
            Fork::Capella | Fork::Deneb | Fork::Electra | Fork::Fulu => {
                let execution = Execution::Payload { header: Box::new(payload), branch: Default::default() };
                let beacon = BeaconBlockHeader { slot, ..BeaconBlockHeader::default() };
                let header = LightClientHeader { beacon, execution };
                vec![(EXECUTION_PAYLOAD_GINDEX, get_lc_execution_root(&self.context(), &header))]
            }
        };
        SparseTree::new(made_up("body", slot), nodes)
    }

    /// Returns the tree of the state after a block.
    fn state(&self, slot: Slot) -> SparseTree {
        let config = &self.config;
        let period = config.compute_sync_committee_period_at_slot(slot);
        let finalized = self.finalized_slot(slot);
        let finalized_root = if finalized == 0 { [0; 32] } else { self.root(finalized) };
        let committee_root = |period| self.committee_and_root(period).1;
        let nodes = vec![
            (finalized_root_gindex_at_slot(config, slot), finalized_root),
            (current_sync_committee_gindex_at_slot(config, slot), committee_root(period)),
            (next_sync_committee_gindex_at_slot(config, slot), committee_root(period + 1)),
        ];
        SparseTree::new(made_up("state", slot), nodes)
    }

    /// Returns the sync committee of a period, and its root.
    fn committee_and_root(&self, period: Period) -> (SyncCommittee<N>, Root) {
        let make = || {
            let committee = keys::committee(period);
            let root = committee.hash_tree_root(&Native);
            (committee, root)
        };
        self.computed().committees.entry(period).or_insert_with(make).clone()
    }

    /// Returns what was computed. A thread that panicked has left it whole.
    fn computed(&self) -> MutexGuard<'_, Computed<N>> {
        self.computed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the chain's rules.
    fn context(&self) -> Context<'_, Native> {
        Context::new(&self.config, &Native)
    }
}

/// Makes up a root.
fn made_up(what: &str, slot: Slot) -> Root {
    Native.hash(&[what.as_bytes(), &slot.to_be_bytes()].concat())
}

/// Returns the branch of a node in a state's tree, with zeros in front to the length `L`.
fn branch<const L: usize>(tree: &SparseTree, gindex: GeneralizedIndex) -> [Root; L] {
    let nodes = match floorlog2(gindex) {
        5 => tree.branch::<5>(gindex).to_vec(),
        6 => tree.branch::<6>(gindex).to_vec(),
        7 => tree.branch::<7>(gindex).to_vec(),
        9 => tree.branch::<9>(gindex).to_vec(),
        11 => tree.branch::<11>(gindex).to_vec(),
        depth => unreachable!("no tree has the depth {depth}"),
    };
    let mut branch = [[0; 32]; L];
    branch[L - nodes.len()..].copy_from_slice(&nodes);
    branch
}
