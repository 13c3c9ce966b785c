//! Systematic mutations of an input, and the classification of validation's result.

use alloy_consensus::{Header, proofs::calculate_transaction_root};
use alloy_primitives::{B256, Bytes, Signature, U256, keccak256, uint};
use alloy_rlp::Decodable;
use rand::{
    Rng,
    rngs::StdRng,
    seq::{IndexedMutRandom, SliceRandom},
};
use zeno_guest_evm::{
    Block, ChainClaim, ChainSpec, PublicKey, StatelessInput, Transaction, ValidationError,
    chain::{BlobActivation, BlobSchedule, Fork, ForkActivation},
    decode_block, public_keys, validate,
};

/// Mutation of an input.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// Name of the mutation's kind.
    pub class: &'static str,
    /// The mutated input.
    pub tampered: Tampered,
    /// Result that validation must have. [`judge`] checks every claim besides.
    pub expected: Expected,
}

/// Tampered input.
#[derive(Clone, Debug)]
pub enum Tampered {
    /// Input of which parts are changed.
    Input(Box<StatelessInput>),
    /// Changes of the encoding, as (offset, mask): the byte there is combined with the mask by exclusive or.
    Flipped(Vec<(usize, u8)>),
    /// Length in bytes to which the encoding is cut.
    Truncated(usize),
    /// Bytes that are appended to the encoding.
    Extended(Vec<u8>),
}

/// Result that validation of a mutation must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// An error.
    Refused,
    /// An error of the block of a run with this index.
    RefusedIn(usize),
    /// The honest claim.
    Honest,
    /// An error, or a claim that is true of the block and the rules that it names.
    Either,
}

/// Result that validation of a mutation had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Observed {
    /// An error.
    Refused,
    /// The honest claim.
    Honest,
    /// A claim about another block or run, which names that one's own hashes.
    OtherBlock,
    /// A claim under other rules, which names their own digest.
    OtherRules,
}

impl Tampered {
    /// Decodes the input, if its encoding is tampered with, and validates it.
    ///
    /// # Errors
    /// The errors of the decoder and of [`validate`].
    pub fn validate(&self, honest: &StatelessInput) -> Result<(StatelessInput, ChainClaim), ValidationError> {
        let input = match self {
            Self::Input(input) => (**input).clone(),
            _ => StatelessInput::decode(&self.encode(honest).into())?,
        };
        let claim = validate(&input)?;
        Ok((input, claim))
    }

    /// Encoding of the tampered input, as the guest reads it.
    pub fn encode(&self, honest: &StatelessInput) -> Vec<u8> {
        let mut bytes = match self {
            Self::Input(input) => input.encode(),
            _ => honest.encode(),
        };
        match self {
            Self::Input(_) => {}
            Self::Flipped(flips) => flips.iter().for_each(|(at, mask)| bytes[*at] ^= mask),
            Self::Truncated(length) => bytes.truncate(*length),
            Self::Extended(more) => bytes.extend(more),
        }
        bytes
    }
}

/// Classifies the result of validating a tampered input.
///
/// A claim is a lie unless each of its fields is what the input itself says. The fields are computed here without the
/// validator: hashes and fields from the bytes of the headers, the rules' digest from those that had begun at the last
/// block's time. Each block of a run must be the child of the one before. The claim must be the honest one if neither the
/// blocks nor these rules were changed, and only then.
///
/// # Errors
/// A description of the lie.
pub fn judge(
    honest: (&StatelessInput, &ChainClaim),
    answer: Result<(StatelessInput, ChainClaim), ValidationError>,
) -> Result<Observed, String> {
    let Ok((input, claim)) = answer else { return Ok(Observed::Refused) };
    let own = own_claim(&input)?;
    if claim != own {
        return Err(format!("the claim is {claim:?}, but the input is about {own:?}"));
    }
    let same_rules =
        begun(&input.chain, claim.last_timestamp)? == begun(&honest.0.chain, claim.last_timestamp)?;
    let untouched = input.blocks == honest.0.blocks && same_rules;
    if claim == *honest.1 {
        return untouched
            .then_some(Observed::Honest)
            .ok_or("two encodings of one block or chain are accepted".into());
    }
    if claim.last_block_hash != honest.1.last_block_hash {
        return Ok(Observed::OtherBlock);
    }
    let rules_aside = ChainClaim { chain_id: honest.1.chain_id, chain_spec: honest.1.chain_spec, ..claim };
    if rules_aside != *honest.1 || same_rules || claim.chain_spec == honest.1.chain_spec {
        return Err(format!("the claim {claim:?} is about the honest block {:?}, but is another", honest.1));
    }
    Ok(Observed::OtherRules)
}

/// Claim that follows from the bytes of an input's blocks and rules.
fn own_claim(input: &StatelessInput) -> Result<ChainClaim, String> {
    let headers = input.blocks.iter().map(hashed_header).collect::<Result<Vec<_>, _>>()?;
    if let Some(pair) = headers.windows(2).find(|pair| pair[1].1.parent_hash != pair[0].0) {
        return Err(format!("a run was accepted that has block {} after block {}", pair[1].0, pair[0].0));
    }
    let (Some((_, first)), Some((hash, header))) = (headers.first(), headers.last()) else {
        return Err("an input without a block was accepted".into());
    };
    let spec = begun(&input.chain, header.timestamp)?;
    Ok(ChainClaim {
        chain_id: spec.chain_id,
        chain_spec: keccak256(spec.encode()),
        first_parent_hash: first.parent_hash,
        last_block_hash: *hash,
        last_block_number: header.number,
        last_state_root: header.state_root,
        last_receipts_root: header.receipts_root,
        last_timestamp: header.timestamp,
        block_count: headers.len() as u64,
    })
}

/// Header of a block's RLP, and the hash of its bytes.
fn hashed_header(block: &Bytes) -> Result<(B256, Header), String> {
    let malformed =
        |error: alloy_rlp::Error| format!("a block was accepted whose header is malformed: {error}");
    let mut items = alloy_rlp::Header::decode_bytes(&mut &block[..], true).map_err(malformed)?;
    let start = items;
    let header = Header::decode(&mut items).map_err(malformed)?;
    Ok((keccak256(&start[..start.len() - items.len()]), header))
}

/// Rules that had begun at a time, in seconds, of encoded ones.
fn begun(chain: &Bytes, timestamp: u64) -> Result<ChainSpec, String> {
    let mut spec = ChainSpec::decode(chain).map_err(|error| error.to_string())?;
    spec.forks = spec.forks.into_iter().take_while(|fork| fork.timestamp <= timestamp).collect();
    spec.blobs = spec.blobs.into_iter().take_while(|blobs| blobs.timestamp <= timestamp).collect();
    Ok(spec)
}

/// Generator of mutations of one input, whose witness must be minimal.
#[derive(Debug)]
pub struct Mutator<'a> {
    honest: &'a StatelessInput,
    /// The first block, which is the one that is changed.
    block: Block,
    /// Timestamp of the last block, in seconds.
    last_timestamp: u64,
    rng: &'a mut StdRng,
    made: Vec<Mutation>,
}

/// Accessor of one list of a witness.
type Field = fn(&mut StatelessInput) -> &mut Vec<Bytes>;

impl<'a> Mutator<'a> {
    /// Generator for an input.
    ///
    /// # Panics
    /// If a block of the input does not decode.
    pub fn new(honest: &'a StatelessInput, rng: &'a mut StdRng) -> Self {
        let blocks = honest.blocks.iter().map(|block| decode_block(block).expect("an honest block decodes"));
        let mut blocks = blocks.collect::<Vec<_>>();
        let last_timestamp = blocks.last().expect("an input has a block").header.timestamp;
        Self { honest, block: blocks.swap_remove(0), last_timestamp, rng, made: Vec::new() }
    }

    /// Generates all mutations. `foreign` are entries of another block's witness.
    pub fn all(mut self, foreign: &[Bytes]) -> Vec<Mutation> {
        self.witness("state nodes", |input| &mut input.witness.state, foreign);
        self.witness("codes", |input| &mut input.witness.codes, foreign);
        self.witness("headers", |input| &mut input.witness.headers, foreign);
        self.forged_parent();
        self.keys();
        self.destinations();
        self.header_fields();
        self.transactions();
        self.block_bytes();
        self.run();
        self.rules();
        self.encoding();
        self.made
    }

    fn push(&mut self, class: &'static str, expected: Expected, change: impl FnOnce(&mut StatelessInput)) {
        let mut input = self.honest.clone();
        change(&mut input);
        self.made.push(Mutation { class, tampered: Tampered::Input(Box::new(input)), expected });
    }

    /// Mutations of a list: every entry dropped, altered and cut, and entries added, doubled and reordered.
    fn witness(&mut self, name: &'static str, field: Field, foreign: &[Bytes]) {
        let list = field(&mut self.honest.clone()).clone();
        let [dropped, altered, cut, added, reordered] = match name {
            "state nodes" => [
                "state node dropped",
                "state node altered",
                "state node cut",
                "state nodes added",
                "state nodes reordered",
            ],
            "codes" => ["code dropped", "code altered", "code cut", "codes added", "codes reordered"],
            _ => [
                "ancestor dropped",
                "ancestor altered",
                "ancestor cut",
                "ancestors added",
                "ancestors reordered",
            ],
        };
        // A list may hold an entry twice, and one copy of it is enough.
        let without = |bytes: &Bytes| match list.iter().filter(|other| *other == bytes).count() {
            1 => Expected::Refused,
            _ => Expected::Honest,
        };
        for (index, bytes) in list.iter().enumerate() {
            self.push(dropped, without(bytes), |input| {
                field(input).remove(index);
            });
            let altered_bytes = flipped(bytes, self.rng);
            self.push(altered, without(bytes), |input| field(input)[index] = altered_bytes);
        }
        for bytes in list.iter().filter(|bytes| !bytes.is_empty()).take(20) {
            let shorter = bytes.slice(..bytes.len() - 1);
            let at = list.iter().position(|other| other == bytes).expect("it is there");
            self.push(cut, without(bytes), |input| field(input)[at] = shorter);
        }
        for _ in 0..10 {
            let mut random = vec![0; self.rng.random_range(0..200)];
            self.rng.fill(&mut random[..]);
            let at = self.rng.random_range(0..=list.len());
            self.push(added, Expected::Honest, |input| field(input).insert(at, random.into()));
            let Some(entry) = foreign.get(self.rng.random_range(0..foreign.len().max(1))).cloned() else {
                continue;
            };
            self.push(added, Expected::Honest, |input| field(input).insert(at, entry));
        }
        for count in [1, 2, 5] {
            self.push(added, Expected::Honest, |input| {
                let copies = field(input).iter().take(count).cloned().collect::<Vec<_>>();
                field(input).extend(copies);
            });
        }
        for _ in 0..10 {
            let mut shuffled = list.clone();
            shuffled.shuffle(self.rng);
            self.push(reordered, Expected::Honest, |input| *field(input) = shuffled);
        }
    }

    /// Mutations of the parent. The block names the forged parent, so a claim may only be about that block.
    fn forged_parent(&mut self) {
        let Some((at, parent)) = self.honest.witness.headers.iter().enumerate().find_map(|(at, bytes)| {
            (keccak256(bytes) == self.block.header.parent_hash)
                .then(|| Header::decode(&mut &bytes[..]).ok().map(|header| (at, header)))?
        }) else {
            return;
        };
        for (_, forged) in header_changes(&parent, self.rng) {
            let bytes = Bytes::from(alloy_rlp::encode(&forged));
            let mut block = self.block.clone();
            block.header.parent_hash = keccak256(&bytes);
            let (blocks, _) = self.replaced(0, &block);
            self.push("parent forged", Expected::Either, |input| {
                input.witness.headers[at] = bytes;
                input.blocks = blocks;
            });
        }
    }

    /// Mutations of the hints to jump destinations. Hints of any content neither add a destination nor remove one.
    fn destinations(&mut self) {
        let mut push = |class, change: &mut dyn FnMut(&mut Vec<Bytes>)| {
            self.push(class, Expected::Honest, |input| change(&mut input.destinations));
        };
        push("no destinations", &mut |hints| hints.clear());
        push("destinations of another code", &mut |hints| hints.rotate_right(1));
        push("destinations of too many codes", &mut |hints| hints.push(Bytes::from_static(&[0xff; 8])));
        push("destinations cut", &mut |hints| {
            hints.iter_mut().for_each(|item| *item = item.slice(..item.len().saturating_sub(3)));
        });
        push("one destination", &mut |hints| {
            hints.iter_mut().for_each(|item| *item = Bytes::from_static(&[0; 4]));
        });
        let lengths = self.honest.witness.codes.iter().map(|code| code.len()).collect::<Vec<_>>();
        for distance in [0, 1, 2, 33, 255u32] {
            self.push("every byte a destination", Expected::Honest, |input| {
                input.destinations = lengths
                    .iter()
                    .map(|length| {
                        (0..*length as u32).flat_map(|at| (at | distance << 24).to_le_bytes()).collect()
                    })
                    .collect();
            });
        }
        for _ in 0..100 {
            let mut destinations = self.honest.destinations.clone();
            let Some(item) = destinations.choose_mut(self.rng) else { break };
            let mut bytes = item.to_vec();
            if bytes.is_empty() {
                bytes = self.rng.random::<[u8; 4]>().to_vec();
            }
            let bit = self.rng.random_range(0..8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
            *item = bytes.into();
            self.push("destination altered", Expected::Honest, |input| input.destinations = destinations);
        }
    }

    /// Mutations of the hinted public keys.
    fn keys(&mut self) {
        let keys = self.honest.public_keys.clone();
        let transactions = self.block.body.transactions.clone();
        for (index, (key, transaction)) in keys.iter().zip(&transactions).enumerate() {
            let mut set = |class, other: PublicKey| {
                // Two transactions of one sender have the same key: nothing changes then.
                let expected = if other == *key { Expected::Honest } else { Expected::Refused };
                self.push(class, expected, |input| input.public_keys[index] = other);
            };
            set("key zeroed", PublicKey::ZERO);
            set("key negated", negated(key));
            set("key of another transaction", keys[(index + 1) % keys.len()]);
            if let Some(other) = other_key(transaction) {
                set("other key that fits r and s", other);
            }
            let bit = self.rng.random_range(0..512);
            let mut bytes = *key;
            bytes[bit / 8] ^= 1 << (bit % 8);
            self.push("key with a bit flipped", Expected::Refused, |input| input.public_keys[index] = bytes);
        }
        self.push("a key too few", Expected::Refused, |input| {
            input.public_keys.pop();
        });
        self.push("a key too many", Expected::Refused, |input| input.public_keys.push(keys[0]));
        self.push("no keys", Expected::Refused, |input| input.public_keys.clear());
    }

    /// Mutations of every field of the header. The proposer may choose some fields freely, so the result can be another
    /// valid block.
    fn header_fields(&mut self) {
        for (free, header) in header_changes(&self.block.header, self.rng) {
            let block = Block { header, ..self.block.clone() };
            let (blocks, linked) = self.replaced(0, &block);
            // That the witness lacks the first parent is no error of a block.
            let in_block = linked && block.header.parent_hash == self.block.header.parent_hash;
            let is_inner = self.honest.blocks.len() > 1;
            let (class, expected) =
                match free || is_inner && may_be_another(&self.block.header, &block.header) {
                    true => ("free header field changed", Expected::Either),
                    false => ("header field changed", self.refused_in(0, in_block)),
                };
            self.push(class, expected, |input| input.blocks = blocks);
        }
    }

    /// Transactions dropped, doubled and swapped, each under the honest transactions root and under the matching one.
    fn transactions(&mut self) {
        let count = self.block.body.transactions.len();
        for index in 0..count {
            let other = self.rng.random_range(0..count);
            for class in ["transaction dropped", "transaction doubled", "transactions swapped"] {
                let mut block = self.block.clone();
                let list = &mut block.body.transactions;
                match class {
                    "transaction dropped" => drop(list.remove(index)),
                    "transaction doubled" => list.insert(other, list[index].clone()),
                    _ => list.swap(index, other),
                }
                let same = block == self.block;
                self.push_block(class, if same { Expected::Honest } else { Expected::Refused }, &block);
                block.header.transactions_root = calculate_transaction_root(&block.body.transactions);
                self.push_block(class, if same { Expected::Honest } else { Expected::Either }, &block);
            }
        }
    }

    /// Adds a mutation with another first block, and with the public keys of that block.
    fn push_block(&mut self, class: &'static str, expected: Expected, block: &Block) {
        let own = public_keys(block).expect("the signatures are those of the honest block");
        let count = self.block.body.transactions.len();
        let (blocks, linked) = self.replaced(0, block);
        let expected = match expected {
            Expected::Refused => self.refused_in(0, linked),
            other => other,
        };
        self.push(class, expected, |input| {
            input.blocks = blocks;
            input.public_keys.splice(..count, own);
        });
    }

    /// The honest blocks with another one at `index`. The later blocks mostly become its descendants, because otherwise
    /// nothing but the missing link would ever be found. The other result says whether they are.
    fn replaced(&mut self, index: usize, block: &Block) -> (Vec<Bytes>, bool) {
        let mut blocks = self.honest.blocks.clone();
        blocks[index] = alloy_rlp::encode(block).into();
        let linked = index + 1 == blocks.len() || self.rng.random_bool(0.875);
        if linked {
            link(&mut blocks[index + 1..], block.header.hash_slow());
        }
        (blocks, linked)
    }

    /// The result that names the block with an error, if that is the first one, and the input is a run.
    fn refused_in(&self, index: usize, is_first: bool) -> Expected {
        if is_first && self.honest.blocks.len() > 1 { Expected::RefusedIn(index) } else { Expected::Refused }
    }

    /// Mutations of a run: blocks dropped, doubled, swapped and changed, and blocks of which each ends where another one
    /// begins.
    fn run(&mut self) {
        let blocks = self.honest.blocks.clone();
        let count = blocks.len();
        let first_parent = self.block.header.parent_hash;
        let keys_of = |block: &Bytes| {
            let block = decode_block(block).expect("an honest block decodes");
            public_keys(&block).expect("an honest block's signatures are valid")
        };
        // The keys are those of the blocks, so that nothing but the blocks is wrong.
        let mut push = |class, expected, blocks: Vec<Bytes>| {
            let public_keys = blocks.iter().flat_map(keys_of).collect::<Vec<_>>();
            self.push(class, expected, |input| (input.blocks, input.public_keys) = (blocks, public_keys));
        };
        push("no block", Expected::Refused, Vec::new());
        for index in 0..count {
            let mut doubled = blocks.clone();
            doubled.insert(index, blocks[index].clone());
            push("block doubled", Expected::Refused, doubled);
        }
        if count == 1 {
            return;
        }
        for end in 1..count {
            // The blocks before are a run for themselves, and the claim says so.
            push("last blocks dropped", Expected::Either, blocks[..end].to_vec());
            // The witness has what the first block starts from, but not what it leaves.
            push("first blocks dropped", Expected::Refused, blocks[end..].to_vec());
        }
        for index in 1..count - 1 {
            let mut others = blocks.clone();
            others.remove(index);
            push("inner block dropped", Expected::Refused, others);
        }
        for (one, other) in (0..count).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let mut swapped = blocks.clone();
            swapped.swap(one, other);
            push("blocks swapped", Expected::Refused, swapped);
        }
        let parent_of = |index: usize, parent: B256| {
            let mut block = decode_block(&blocks[index]).expect("an honest block decodes");
            block.header.parent_hash = parent;
            Bytes::from(alloy_rlp::encode(block))
        };
        for index in 1..count {
            // Neither another parent nor the first block's, which the witness has.
            for parent in [B256::ZERO, B256::repeat_byte(7), first_parent] {
                let mut others = blocks.clone();
                others[index] = parent_of(index, parent);
                push("parent of a later block changed", Expected::RefusedIn(index), others);
            }
        }
        let keys = blocks.iter().map(keys_of).collect::<Vec<_>>();
        let mut reordered = keys.clone();
        reordered.rotate_left(1);
        let expected = if reordered.concat() == keys.concat() { Expected::Honest } else { Expected::Refused };
        self.push("keys in the order of other blocks", expected, |input| {
            input.public_keys = reordered.concat();
        });
        for index in 0..count {
            let mut fewer = keys.clone();
            if fewer[index].pop().is_some() {
                self.push("a key too few, of any block", Expected::Refused, |input| {
                    input.public_keys = fewer.concat();
                });
            }
        }
        self.later_headers();
    }

    /// Mutations of every field of the later blocks' headers. With a free field changed it may be another valid block, and
    /// the run another one.
    fn later_headers(&mut self) {
        let count = self.honest.blocks.len();
        for index in 1..count {
            let block = decode_block(&self.honest.blocks[index]).expect("an honest block decodes");
            let honest = block.header.clone();
            for (free, header) in header_changes(&honest, self.rng) {
                let block = Block { header, ..block.clone() };
                let (blocks, linked) = self.replaced(index, &block);
                let (class, expected) = match index == count - 1 {
                    true if free => ("free field of the last header changed", Expected::Either),
                    false if free || may_be_another(&honest, &block.header) => {
                        ("free field of an inner header changed", Expected::Either)
                    }
                    _ => ("field of a later header changed", self.refused_in(index, linked)),
                };
                self.push(class, expected, |input| input.blocks = blocks);
            }
        }
    }

    /// Mutations of the block's RLP: bits flipped, and bytes inserted, removed and cut off.
    fn block_bytes(&mut self) {
        let bytes = self.honest.blocks[0].clone();
        for _ in 0..200 {
            let altered = flipped(&bytes, self.rng);
            let decoded = decode_block(&altered).ok();
            let mut blocks = match &decoded {
                Some(block) => self.replaced(0, block).0,
                None => self.honest.blocks.clone(),
            };
            blocks[0] = altered;
            // The keys of the altered block, if it has any, or else the hinted ones.
            let keys = decoded.and_then(|block| public_keys(&block).ok());
            let count = self.block.body.transactions.len();
            self.push("bit of the block's RLP flipped", Expected::Either, |input| {
                input.blocks = blocks;
                if let Some(keys) = keys {
                    input.public_keys.splice(..count, keys);
                }
            });
        }
        for _ in 0..50 {
            let at = self.rng.random_range(0..bytes.len());
            let inserted = self.rng.random();
            let mut longer = bytes.to_vec();
            longer.insert(at, inserted);
            self.push("byte of the block's RLP inserted", Expected::Refused, |input| {
                input.blocks[0] = longer.into();
            });
            let mut shorter = bytes.to_vec();
            shorter.remove(at);
            self.push("byte of the block's RLP removed", Expected::Refused, |input| {
                input.blocks[0] = shorter.into();
            });
            self.push("block's RLP cut", Expected::Refused, |input| input.blocks[0] = bytes.slice(..at));
        }
    }

    /// Mutations of the chain's rules. A claim, if there is one, must name the changed rules.
    fn rules(&mut self) {
        let spec = ChainSpec::decode(&self.honest.chain).expect("an honest chain decodes");
        let mut variants = Vec::new();
        let mut vary = |class, change: &dyn Fn(&mut ChainSpec)| {
            let mut varied = spec.clone();
            change(&mut varied);
            variants.push((class, Bytes::from(varied.encode())));
        };
        let (first, last) = (self.block.header.timestamp, self.last_timestamp);
        let times = [0, 1, first - 1, first, first + 1, last, last + 1, u64::MAX];
        for chain_id in [0, 1, 2, 5, spec.chain_id + 1, spec.chain_id ^ 1 << 40, u64::MAX] {
            vary("chain id changed", &|spec| spec.chain_id = chain_id);
        }
        for index in 0..spec.forks.len() {
            for timestamp in times {
                vary("fork moved", &|spec| spec.forks[index].timestamp = timestamp);
            }
            vary("fork removed", &|spec| {
                spec.forks.remove(index);
            });
            vary("forks cut off", &|spec| spec.forks.truncate(index));
        }
        for index in 0..spec.blobs.len() {
            for timestamp in times {
                vary("blob schedule moved", &|spec| spec.blobs[index].timestamp = timestamp);
            }
            vary("blob schedule removed", &|spec| {
                spec.blobs.remove(index);
            });
            for value in [0, 1, 7, u64::from(u32::MAX), u64::MAX] {
                vary("blob schedule changed", &|spec| spec.blobs[index].blobs.target = value);
                vary("blob schedule changed", &|spec| spec.blobs[index].blobs.max = value);
                vary("blob schedule changed", &|spec| {
                    spec.blobs[index].blobs.base_fee_update_fraction = value;
                });
            }
        }
        for merge_block in [None, Some(0), Some(1), Some(u64::MAX)] {
            vary("merge moved", &|spec| spec.merge_block = merge_block);
        }
        vary("merge moved", &|spec| spec.terminal_total_difficulty += U256::ONE);
        for contract in [None, Some(alloy_primitives::Address::repeat_byte(1))] {
            vary("deposit contract changed", &|spec| spec.deposit_contract = contract);
        }
        for (class, chain) in variants {
            self.push(class, Expected::Either, |input| input.chain = chain);
        }
        for (class, chain) in later_rules(&spec, last) {
            self.push(class, Expected::Honest, |input| input.chain = chain);
        }
        for _ in 0..50 {
            let chain = flipped(&self.honest.chain, self.rng);
            self.push("bit of the rules flipped", Expected::Either, |input| input.chain = chain);
        }
    }

    /// Mutations of the encoding: bits flipped, bytes cut off, and bytes appended.
    fn encoding(&mut self) {
        let length = self.honest.encode().len();
        let mut add = |class, tampered, expected| self.made.push(Mutation { class, tampered, expected });
        for _ in 0..300 {
            let count = self.rng.random_range(1..4);
            let flips = (0..count)
                .map(|_| (self.rng.random_range(0..length), 1 << self.rng.random_range(0..8)))
                .collect();
            add("bits of the encoding flipped", Tampered::Flipped(flips), Expected::Either);
        }
        for _ in 0..50 {
            let end = self.rng.random_range(0..length);
            add("encoding cut", Tampered::Truncated(end), Expected::Refused);
        }
        for count in 1..9 {
            add("encoding extended", Tampered::Extended(vec![0; count]), Expected::Refused);
        }
    }
}

/// Rules that differ from these only after a time, in seconds. They change no claim about a block of that time.
fn later_rules(spec: &ChainSpec, timestamp: u64) -> Vec<(&'static str, Bytes)> {
    let begun = spec.until(timestamp);
    let mut variants = vec![("later rules left out", begun.clone())];
    for later in [timestamp.saturating_add(1), u64::MAX].into_iter().filter(|later| *later > timestamp) {
        let other = BlobSchedule { target: 3, max: 8, base_fee_update_fraction: 9_999_999 };
        let blobs = BlobActivation { timestamp: later, blobs: other };
        if begun.blobs_at(timestamp).is_some_and(|last| last != other) {
            let mut changed = begun.clone();
            changed.blobs.push(blobs);
            variants.push(("later blob schedule added", changed));
        }
        if let Some(fork) = Fork::ALL.get(begun.forks.len() + 1).copied() {
            let mut forked = begun.clone();
            forked.forks.push(ForkActivation { fork, timestamp: later });
            if fork.rules().blobs.is_some_and(|rules| rules.brings_parameters) {
                forked.blobs.push(blobs);
            }
            variants.push(("later fork added", forked));
        }
    }
    for (class, spec) in &variants {
        spec.check().unwrap_or_else(|error| panic!("{class}: {error}"));
    }
    variants.into_iter().map(|(class, spec)| (class, Bytes::from(spec.encode()))).collect()
}

/// Returns whether a block may be valid with a header that is changed in a field that is not free: no contract may keep the
/// time, and the beneficiary may get nothing. The last blocks of the runs here are no such blocks.
fn may_be_another(honest: &Header, changed: &Header) -> bool {
    (honest.timestamp, honest.beneficiary) != (changed.timestamp, changed.beneficiary)
}

/// Makes blocks a chain of descendants of a block with this hash.
fn link(blocks: &mut [Bytes], mut parent: B256) {
    for bytes in blocks {
        let mut block = decode_block(bytes).expect("an honest block decodes");
        block.header.parent_hash = parent;
        parent = block.header.hash_slow();
        *bytes = alloy_rlp::encode(&block).into();
    }
}

/// Bytes with one random bit flipped, or one random byte if `bytes` is empty.
fn flipped(bytes: &Bytes, rng: &mut StdRng) -> Bytes {
    let mut bytes = bytes.to_vec();
    if bytes.is_empty() {
        return vec![rng.random()].into();
    }
    let at = rng.random_range(0..bytes.len());
    bytes[at] ^= 1 << rng.random_range(0..8);
    bytes.into()
}

/// Public key with the same x-coordinate and the negated y-coordinate.
fn negated(key: &PublicKey) -> PublicKey {
    /// Modulus of secp256k1's base field.
    const PRIME: U256 = uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);
    let y = U256::from_be_slice(&key[32..]);
    let mut key = *key;
    key[32..].copy_from_slice(&(PRIME - y).to_be_bytes::<32>());
    key
}

/// Public key that satisfies a transaction's `(r, s)` with the other parity of R. As an ECDSA signature, `(r, s)` is
/// valid for this key, too.
pub fn other_key(transaction: &Transaction) -> Option<PublicKey> {
    let signature = transaction.signature();
    let other = Signature::new(signature.r(), signature.s(), !signature.v());
    let key = other.recover_from_prehash(&transaction.signature_hash()).ok()?;
    Some(PublicKey::from_slice(&key.to_encoded_point(false).as_bytes()[1..]))
}

/// Headers with one field changed, for every field and in several ways, as (free, header).
///
/// `free` says whether a valid block can have the change. A proposer may choose the extra data and, within bounds, the
/// gas limit. The consensus layer determines the randomness and the slot's number.
fn header_changes(header: &Header, rng: &mut StdRng) -> Vec<(bool, Header)> {
    let mut changed = Vec::new();
    let mut change = |free, change: &dyn Fn(&mut Header)| {
        let mut other = header.clone();
        change(&mut other);
        if other != *header {
            changed.push((free, other));
        }
    };
    let hashes: [fn(&mut Header) -> Option<&mut B256>; 10] = [
        |header| Some(&mut header.parent_hash),
        |header| Some(&mut header.ommers_hash),
        |header| Some(&mut header.state_root),
        |header| Some(&mut header.transactions_root),
        |header| Some(&mut header.receipts_root),
        |header| header.withdrawals_root.as_mut(),
        |header| header.parent_beacon_block_root.as_mut(),
        |header| header.requests_hash.as_mut(),
        |header| header.block_access_list_hash.as_mut(),
        |header| Some(&mut header.mix_hash),
    ];
    for (index, hash) in hashes.into_iter().enumerate() {
        let (random, bit) = (rng.random::<[u8; 32]>(), rng.random_range(0..256));
        let free = index == hashes.len() - 1;
        change(free, &|header| hash(header).into_iter().for_each(|hash| *hash = B256::ZERO));
        change(free, &|header| hash(header).into_iter().for_each(|hash| *hash = random.into()));
        change(free, &|header| hash(header).into_iter().for_each(|hash| hash[bit / 8] ^= 1 << (bit % 8)));
    }
    let numbers: [fn(&mut Header) -> Option<&mut u64>; 8] = [
        |header| Some(&mut header.number),
        |header| Some(&mut header.gas_used),
        |header| Some(&mut header.timestamp),
        |header| header.base_fee_per_gas.as_mut(),
        |header| header.blob_gas_used.as_mut(),
        |header| header.excess_blob_gas.as_mut(),
        |header| Some(&mut header.gas_limit),
        |header| header.slot_number.as_mut(),
    ];
    for (index, number) in numbers.into_iter().enumerate() {
        let free = index >= numbers.len() - 2;
        let random = rng.random::<u64>();
        let values: [&dyn Fn(u64) -> u64; 5] =
            [&|value| value.wrapping_add(1), &|value| value.wrapping_sub(1), &|_| 0, &|_| u64::MAX, &|_| {
                random
            }];
        for value in values {
            change(free, &|header| number(header).into_iter().for_each(|number| *number = value(*number)));
        }
    }
    let bit = rng.random_range(0..2048);
    change(false, &|header| header.logs_bloom[bit / 8] ^= 1 << (bit % 8));
    change(false, &|header| header.difficulty += U256::ONE);
    change(false, &|header| header.nonce[7] ^= 1);
    change(false, &|header| header.beneficiary[19] ^= 1);
    change(false, &|header| header.extra_data = vec![7; 33].into());
    change(true, &|header| header.extra_data = vec![7; 32].into());
    change(true, &|header| header.extra_data = Bytes::new());
    // Fields of other forks. Their RLP is a sequence, so only the last one can be absent alone.
    change(false, &|header| header.requests_hash = None);
    change(false, &|header| header.requests_hash = Some(B256::ZERO));
    change(false, &|header| header.block_access_list_hash = Some(B256::ZERO));
    change(false, &|header| {
        header.block_access_list_hash = Some(B256::ZERO);
        header.slot_number = Some(1);
    });
    change(false, &|header| header.slot_number = None);
    change(false, &|header| (header.block_access_list_hash, header.slot_number) = (None, None));
    change(false, &|header| {
        (header.requests_hash, header.block_access_list_hash, header.slot_number) = (None, None, None);
    });
    changed
}
