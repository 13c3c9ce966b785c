//! Validation of tampered copies of the example block. It never panics, and gives the honest claim exactly if the block and
//! the rules that had begun at its time are unchanged.

use crate::{answer::Answer, case::case};
use arbitrary::Arbitrary;
use std::sync::LazyLock;
use zeno_guest_evm::{ChainClaim, ChainSpec, StatelessInput};

static ENCODED: &[u8] = include_bytes!("../../../config/example/input.zeno");
static HONEST: LazyLock<(StatelessInput, ChainClaim)> = LazyLock::new(|| {
    let input = StatelessInput::decode(&ENCODED.into()).expect("the example decodes");
    let claim = zeno_guest_evm::validate(&input).expect("the example is valid");
    (input, claim)
});

/// Change of the encoding, or of one part of the input.
#[derive(Arbitrary, Debug)]
enum Edit {
    Encoding(Bytewise),
    Chain(Bytewise),
    Block(Bytewise),
    Header(u8, Bytewise),
    Code(u8, Bytewise),
    Node(u8, Bytewise),
    AddNode(Vec<u8>),
    DropNode(u8),
    Key(u8, u8, u8),
}

#[derive(Arbitrary, Debug)]
enum Bytewise {
    Xor(u16, u8),
    Insert(u16, u8),
    Remove(u16),
    Truncate(u16),
}

impl Bytewise {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let at = |at: &u16| usize::from(*at) % length.max(1);
        match self {
            Self::Insert(index, byte) => bytes.insert(at(index), *byte),
            _ if bytes.is_empty() => {}
            Self::Xor(index, mask) => bytes[at(index)] ^= mask,
            Self::Remove(index) => {
                bytes.remove(at(index));
            }
            Self::Truncate(index) => bytes.truncate(at(index)),
        }
    }

    fn edit(&self, part: &mut alloy_primitives::Bytes) {
        let mut bytes = part.to_vec();
        self.apply(&mut bytes);
        *part = bytes.into();
    }
}

fn pick<T>(list: &mut [T], index: u8) -> Option<&mut T> {
    let length = list.len();
    list.get_mut(usize::from(index) % length.max(1))
}

/// Validates the example with edits.
///
/// # Panics
/// If the claim differs although the block and the rules of its time are the same, or if it is the same although they differ.
pub fn validate(bytes: &[u8]) -> Answer {
    let Some(edits) = case::<Vec<Edit>>(bytes) else { return Answer::nothing() };
    let (honest, claim) = &*HONEST;
    let mut input = honest.clone();
    for edit in &edits {
        match edit {
            Edit::Encoding(_) => {}
            Edit::Chain(change) => change.edit(&mut input.chain),
            Edit::Block(change) => change.edit(&mut input.blocks[0]),
            Edit::Header(index, change) => {
                pick(&mut input.witness.headers, *index).into_iter().for_each(|part| change.edit(part));
            }
            Edit::Code(index, change) => {
                pick(&mut input.witness.codes, *index).into_iter().for_each(|part| change.edit(part));
            }
            Edit::Node(index, change) => {
                pick(&mut input.witness.state, *index).into_iter().for_each(|part| change.edit(part));
            }
            Edit::AddNode(bytes) => input.witness.state.push(bytes.clone().into()),
            Edit::DropNode(index) => {
                if !input.witness.state.is_empty() {
                    let at = usize::from(*index) % input.witness.state.len();
                    input.witness.state.remove(at);
                }
            }
            Edit::Key(index, at, mask) => {
                pick(&mut input.public_keys, *index)
                    .into_iter()
                    .for_each(|key| key[usize::from(*at) % 64] ^= mask);
            }
        }
    }
    let mut bytes = input.encode();
    for edit in &edits {
        if let Edit::Encoding(change) = edit {
            change.apply(&mut bytes);
        }
    }
    let input = match StatelessInput::decode(&bytes.into()) {
        Ok(input) => input,
        Err(error) => return Answer::new("not decoded", error.to_string()),
    };
    let answer = match zeno_guest_evm::validate(&input) {
        Ok(answer) => answer,
        Err(error) => return Answer::new("refused", error.to_string()),
    };
    // What begins later is in no claim.
    let begun = |input: &StatelessInput| {
        ChainSpec::decode(&input.chain).expect("the rules were just decoded").until(claim.last_timestamp)
    };
    if input.blocks == honest.blocks && begun(&input) == begun(honest) {
        assert_eq!(answer, *claim);
    } else {
        assert_ne!(answer, *claim, "two encodings of one block or chain");
    }
    Answer::new("valid", answer.digest())
}
